#!/usr/bin/env bash
# Q23: property-based tests of the whole API from its own OpenAPI document, for five roles: no 5xx, no answer that differs from
# the document, no call without authority. Exits non-zero on any finding.
#
#   scripts/schemathesis.sh             50 cases per operation
#   EXAMPLES=500 scripts/schemathesis.sh
#   ROLES="seller" PHASES=fuzzing scripts/schemathesis.sh
#   TRIVET_DATABASE_URL=postgres://… scripts/schemathesis.sh     an empty database; or scripts/with-postgres.sh scripts/schemathesis.sh
source "$(dirname "$0")/lib.sh"

TRIVET=${TRIVET:-target/release/trivet}
EXAMPLES=${EXAMPLES:-50}
# The administrator comes last: they change the settings that the others go by.
ROLES=${ROLES:-partner manager seller auditor admin}
PHASES=${PHASES:-examples,coverage,fuzzing,stateful}
PORT=${PORT:-8713}
SEED=${SEED:-1}
# One: its generators share a cache that two threads spoil for each other.
WORKERS=${WORKERS:-1}
VENV=target/schemathesis-venv
REPORTS=${REPORTS:-target/schemathesis-report}

[ -x "$TRIVET" ] || { echo "$TRIVET is not there: cargo build --release" >&2; exit 2; }
need_schemathesis

work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi; rm -rf "$work"' EXIT INT TERM

export TRIVET_DATA="$work/data"
"$TRIVET" setup --name "Harbour Instruments" --admin-email admin@trivet.example --admin-password admin-of-the-test >/dev/null
RUST_LOG=warn "$TRIVET" serve --listen "127.0.0.1:$PORT" --api-per-minute 1000000 >"$work/server.log" 2>&1 &
server=$!

url="http://127.0.0.1:$PORT"
"$VENV/bin/python" scripts/schemathesis_seed.py "$url" people "$("$TRIVET" user token admin@trivet.example --write)"
"$VENV/bin/python" scripts/schemathesis_seed.py "$url" records "$("$TRIVET" user token partner@trivet.example --write)"

found=0
for role in $ROLES; do
    echo "== $role"
    # The auditor reads; the others may do whatever their rights let them.
    write=--write
    [ "$role" = auditor ] && write=
    # What only the administrator may call; the rest is not there for them (Q18).
    paths=()
    [ "$role" = admin ] && paths=(--include-path-regex '^/api/(settings|people|audit)')
    token=$("$TRIVET" user token "$role@trivet.example" $write)
    PYTHONWARNINGS=ignore "$VENV/bin/st" --config-file scripts/schemathesis.toml run "$url/api/openapi.json" \
        -H "Authorization: Bearer $token" --phases "$PHASES" --checks all -n "$EXAMPLES" -w "$WORKERS" \
        --max-response-time "${SLOWEST:-5}" --seed "$SEED" --continue-on-failure ${paths[@]+"${paths[@]}"} \
        --report junit --report-junit-path "$REPORTS/$role.xml" ${MORE:-} || found=1
done
if grep -E "ERROR|panicked" "$work/server.log"; then found=1; fi
exit $found
