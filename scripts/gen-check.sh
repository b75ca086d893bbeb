#!/usr/bin/env bash
source "$(dirname "$0")/lib.sh"
changed=$(git status --porcelain -- docs/openapi.json Cargo.lock)
if [ -n "$changed" ]; then
    git --no-pager diff --stat -- docs/openapi.json Cargo.lock
    fail "generated files are not current; commit what \`make gen\` wrote: $(echo "$changed" | awk '{ print $2 }' | xargs)"
fi
echo "Generated files are current."
