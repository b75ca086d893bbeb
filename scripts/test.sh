#!/usr/bin/env bash
# Everything that can be tested on this machine. Goes on after a failure, so that one run tells all; the last line counts.
#   test.sh BINARY
source "$(dirname "$0")/lib.sh"
binary=$1
need_build_tools
need_postgres
need_browser
need_npm web
need_npm e2e
need_cargo_tool nextest
need_schemathesis

log=$(mktemp)
trap 'rm -f "$log"' EXIT
broken=()
part() {
    local name=$1
    shift
    say "$name"
    local started=$SECONDS
    "$@" 2>&1 | tee -a "$log" || broken+=("$name")
    echo "($((SECONDS - started)) s)"
}
part "Rust: unit, property and integration tests, on SQLite and PostgreSQL" \
    cargo nextest run --release --workspace --locked --no-fail-fast --no-tests=fail
torture="$(dirname "$binary")/torture"
postgres=(bash scripts/with-postgres.sh)
part "Killed under load: nothing acknowledged is lost" "$torture" crash --kills 20
part "Killed under load, on PostgreSQL" "${postgres[@]}" "$torture" crash --kills 20
part "Backed up under load: every archive is whole" "$torture" backup --n 5
part "Backed up under load, on PostgreSQL" "${postgres[@]}" "$torture" backup --n 5
part "The API against its own document, by four roles" env TRIVET="$binary" EXAMPLES=2 PHASES=examples,coverage bash scripts/schemathesis.sh
part "The API against its own document, on PostgreSQL" "${postgres[@]}" \
    env TRIVET="$binary" ROLES=manager EXAMPLES=2 PHASES=examples,coverage bash scripts/schemathesis.sh
part "Scripts and styles in a browser" bash scripts/web-test.sh
part "Trivet in a browser" bash scripts/e2e.sh "$binary"

read -r passed failed < <(count_tests "$log")
# A part that broke before it could count is a failure too.
if [ "${#broken[@]}" != 0 ] && [ "$failed" = 0 ]; then failed=${#broken[@]}; fi
say "All parts together"
for name in ${broken[@]+"${broken[@]}"}; do echo "not passed: $name"; done
echo "total: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
