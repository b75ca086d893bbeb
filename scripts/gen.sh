#!/usr/bin/env bash
# Files that are made from the program and kept in the repository, so that a change shows in a review.   gen.sh BINARY
source "$(dirname "$0")/lib.sh"
binary=$1
"$binary" openapi > docs/openapi.json.new
mv docs/openapi.json.new docs/openapi.json
echo "docs/openapi.json"
