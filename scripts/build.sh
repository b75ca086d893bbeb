#!/usr/bin/env bash
# The release binary, with the front end inside.
source "$(dirname "$0")/lib.sh"
need_build_tools
need_npm web
cargo build --release --locked
