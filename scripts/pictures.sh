#!/usr/bin/env bash
# Takes the pictures of the README anew, from demo companies of both editions: docs/pictures.   pictures.sh BINARY
source "$(dirname "$0")/lib.sh"
source scripts/server.sh "$1"

for locale in en zh-CN; do
    say "Pictures of the demo company, $locale"
    start "$locale" demo --locale "$locale"
    E2E_EDITION=$locale node e2e/pictures.mjs
    stop
done
