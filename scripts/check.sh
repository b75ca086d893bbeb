#!/usr/bin/env bash
# What must hold before a change is taken in, beside lint, tests and generated files.
source "$(dirname "$0")/lib.sh"
need_cargo_tool nextest
need_cargo_tool deny
need_npm web

say "cargo deny"
if cargo deny --log-level error fetch db 2>/dev/null; then
    cargo deny check
else
    echo "The advisory database can't be reached: advisories are not checked here, bans, licences and sources are."
    cargo deny check bans licenses sources
fi
say "Types of the scripts"
(cd web && npm run --silent check)
say "Languages, slice arrows, routes: the house rules"
cargo it -E 'test(house)' --no-tests=fail
