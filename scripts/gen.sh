#!/usr/bin/env bash
# Files that are made from the program and kept in the repository, so that a change shows in a review.   gen.sh BINARY
source "$(dirname "$0")/lib.sh"
binary=$1
write() {
    local file=$1
    shift
    "$binary" "$@" >"$file.new"
    mv "$file.new" "$file"
    echo "$file"
}
write docs/openapi.json openapi
write docs/routes.md routes --table
