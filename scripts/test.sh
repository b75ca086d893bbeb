#!/usr/bin/env bash
# The tests, in numbers that take minutes (docs/test-plan.md; the large ones: test-long.sh). Goes on after a failure, so that one run tells all; the last line counts.
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

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/broken"
part() {
    local name=$1 started=$SECONDS
    shift
    say "$name"
    "$@" 2>&1 || echo "$name" >>"$work/broken"
    echo "($((SECONDS - started)) s)"
}
postgres=(bash scripts/with-postgres.sh)
api=(EXAMPLES=2 PHASES=examples,coverage TRIVET="$binary" bash scripts/schemathesis.sh)
of_the_binary() {
    local torture
    torture="$(dirname "$binary")/torture"
    part "Killed under load: nothing acknowledged is lost" "$torture" crash --kills 20
    part "Killed under load, on PostgreSQL" "${postgres[@]}" "$torture" crash --kills 20
    part "Backed up under load: every archive is whole" "$torture" backup --n 5
    part "Backed up under load, on PostgreSQL" "${postgres[@]}" "$torture" backup --n 5
    part "The API against its own document" env ROLES=partner "${api[@]}"
    # What the document gives as examples is enough for who writes nothing, and for a seller, whose way is the manager's.
    part "The API against its own document, by a seller and an auditor" \
        env ROLES="seller auditor" PHASES=examples REPORTS=target/schemathesis-report/few TRIVET="$binary" bash scripts/schemathesis.sh
    part "The API against its own document, by two more roles and on PostgreSQL" "${postgres[@]}" \
        env ROLES="manager admin" REPORTS=target/schemathesis-report/postgres "${api[@]}"
    part "Scripts and styles in a browser" bash scripts/web-test.sh
}
all_parts() {
    # Beside the compiler and the Rust tests, which alone leave one of two processors waiting. Shown when it has ended.
    of_the_binary >"$work/of-the-binary" 2>&1 &
    part "Rust: integration and property tests, on SQLite and PostgreSQL" \
        env TMPDIR="$(folder_for_databases)" cargo it --no-fail-fast --no-tests=fail
    part "Rust: unit tests" env TMPDIR="$(folder_for_databases)" cargo unit --no-fail-fast --no-tests=fail
    wait
    cat "$work/of-the-binary"
    part "Trivet in a browser" bash scripts/e2e.sh "$binary"
}
all_parts 2>&1 | tee "$work/log"

mapfile -t broken <"$work/broken"
read -r passed failed < <(count_tests "$work/log")
# A part that broke before it could count is a failure too.
if [ "${#broken[@]}" != 0 ] && [ "$failed" = 0 ]; then failed=${#broken[@]}; fi
say "All parts together"
for name in ${broken[@]+"${broken[@]}"}; do echo "not passed: $name"; done
echo "total: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
