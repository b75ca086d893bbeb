#!/usr/bin/env bash
# The release binary, with the front end inside.
source "$(dirname "$0")/lib.sh"
need_build_tools
need_npm web
# All programs at once: built apart, they would ask for different features and be compiled again.
cargo build --release --locked --workspace --bins
