#!/usr/bin/env bash
source "$(dirname "$0")/lib.sh"
generated=(docs/openapi.json docs/routes.md Cargo.lock)
changed=$(git status --porcelain -- "${generated[@]}")
if [ -n "$changed" ]; then
    git --no-pager diff --stat -- "${generated[@]}"
    fail "generated files are not current; commit what \`make gen\` wrote: $(echo "$changed" | awk '{ print $2 }' | xargs)"
fi
echo "Generated files are current."
