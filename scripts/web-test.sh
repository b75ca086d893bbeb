#!/usr/bin/env bash
# Scripts and styles on the sample pages, in a real browser.
source "$(dirname "$0")/lib.sh"
need_browser
need_npm web
(cd web && npm run --silent build && npm run --silent check && npm test --silent)
