#!/usr/bin/env bash
source "$(dirname "$0")/lib.sh"
need_build_tools
need_npm web
say "cargo fmt"
cargo fmt --all --check
say "cargo clippy"
cargo clippy --release --workspace --all-targets --locked -- -D warnings
