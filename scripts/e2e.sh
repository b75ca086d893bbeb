#!/usr/bin/env bash
# The browser tests against servers of their own: the demo company in both editions, and a house in which nobody is yet.
# Pictures: e2e/out.   e2e.sh BINARY
source "$(dirname "$0")/lib.sh"
source scripts/server.sh "$1"

second=
# The second half is a process of its own and stops its servers itself.
stop_second() {
    if [ -n "$second" ]; then
        kill "$second" 2>/dev/null || true
        wait "$second" 2>/dev/null || true
    fi
}
trap 'stop_second; finish' EXIT

E2E_BINARY=$(realpath "$binary")
export E2E_BINARY
# A demo that has its data already.
second_start() {
    local began=$EPOCHREALTIME took
    start en demo --locale en
    took=$(((${EPOCHREALTIME/[.,]/} - ${began/[.,]/}) / 1000))
    stop
    if [ "$took" -lt 2000 ]; then echo "1 passed, 0 failed"; return; fi
    echo "FAIL a demo that has its data answered only after $took ms"
    echo "0 passed, 1 failed"
    outcome=1
}
english() {
    say "Browser tests, English edition"
    start en demo --locale en
    E2E_EDITION=en node e2e/run.mjs || outcome=1
    stop
    say "A second start"
    second_start
}
chinese_and_empty() {
    say "Browser tests, Chinese edition"
    start zh-CN demo --locale zh-CN
    E2E_EDITION=zh-CN E2E_OUT=e2e/out/zh node e2e/run.mjs || outcome=1
    stop
    if [ -n "${ONLY:-}" ]; then return; fi
    say "Browser tests, before anything is set up"
    start empty serve
    E2E_SETUP_CODE=$(grep -oE '\b[A-Z0-9]{5}-[A-Z0-9]{5}\b' "$log" | head -n 1)
    export E2E_SETUP_CODE
    E2E_OUT=e2e/out/empty node e2e/setup.mjs || outcome=1
    stop
}

# Both halves at once: one alone leaves half of the machine idle. The second half's words are shown when it has ended.
outcome=0
(
    trap stop EXIT
    trap 'exit 143' TERM
    chinese_and_empty
    exit "$outcome"
) >"$data/second.log" 2>&1 &
second=$!
english
wait "$second" || outcome=1
second=
cat "$data/second.log"
exit "$outcome"
