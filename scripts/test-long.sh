#!/usr/bin/env bash
# What `make test` does in small numbers, in large ones (docs/test-plan.md): for nights and before a release. All of it takes more
# than one night on two cores; smaller numbers and single parts are for everyday.
#   test-long.sh BINARY
#   WORLDS=10000  companies of which the pages are compared with the model (Q15)
#   PAIRS=2000    pairs of companies that must look the same (Q16)
#   RUNS=1000     orders in which people overwrite each other (Q31)
#   KILLS=200     kills under load (Q1)      ARCHIVES=200   archives under load (Q4)
#   EXAMPLES=500  calls of each API operation by each role (Q23)
#   every page and dialog in both languages, light and dark, wide and on a phone (Q37)
#   PARTS="rust crash backup api browser"   ENGINES="sqlite postgres"
source "$(dirname "$0")/lib.sh"
binary=$1
torture="$(dirname "$binary")/torture"
need_postgres
need_cargo_tool nextest
need_schemathesis

broken=()
part() {
    say "$1"
    local name=$1 started=$SECONDS
    shift
    "$@" || broken+=("$name")
    echo "($((SECONDS - started)) s)"
}
rust() {
    TRIVET_WORLDS=${WORLDS:-10000} TRIVET_PAIRS=${PAIRS:-2000} TRIVET_RUNS=${RUNS:-1000} \
        cargo it --no-fail-fast --no-tests=fail \
        -E 'test(/^permission::every|^interference::|^lost_update::whatever/)'
}
for wanted in ${PARTS:-rust crash backup api browser}; do
    # The Rust tests look at both engines themselves; to a browser they look the same.
    case $wanted in
        rust) part "Who sees what, who overwrites whom: on both engines" rust; continue ;;
        browser) part "Every page in every setting" env EVERY=1 bash scripts/e2e.sh "$binary"; continue ;;
    esac
    for engine in ${ENGINES:-sqlite postgres}; do
        beside=()
        [ "$engine" = postgres ] && beside=(bash scripts/with-postgres.sh)
        case $wanted in
            crash) part "Killed under load, on $engine" "${beside[@]}" "$torture" crash --program "$binary" --kills "${KILLS:-200}" --clients 32 ;;
            backup) part "Backed up under load, on $engine" "${beside[@]}" "$torture" backup --program "$binary" --n "${ARCHIVES:-200}" --clients 32 ;;
            api) part "The API against its own document, on $engine" "${beside[@]}" env TRIVET="$binary" EXAMPLES="${EXAMPLES:-500}" bash scripts/schemathesis.sh ;;
            *) fail "no such part: $wanted (rust crash backup api browser)" ;;
        esac
    done
done
say "All parts together"
for name in ${broken[@]+"${broken[@]}"}; do echo "not passed: $name"; done
[ "${#broken[@]}" = 0 ] && echo "all passed"
