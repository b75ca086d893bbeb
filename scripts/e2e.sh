#!/usr/bin/env bash
# The browser tests against a demo company of their own: all of them on the English edition, the screens once more on the
# Chinese one. Pictures: e2e/out.   e2e.sh BINARY
source "$(dirname "$0")/lib.sh"
binary=$1
[ -x "$binary" ] || fail "$binary is not there: make build"
need_browser
need_npm e2e

data=$(mktemp -d)
server=
stop() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    fi
}
trap 'stop; rm -rf "$data"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'; }

# Starts an edition and waits until it answers; the first start imports the demo data.
serve() {
    local locale=$1 port log
    port=$(free_port)
    log="$data/$locale.log"
    "$binary" demo --locale "$locale" --data "$data/$locale" --listen "127.0.0.1:$port" >"$log" 2>&1 </dev/null &
    server=$!
    export BASE_URL="http://127.0.0.1:$port"
    for _ in $(seq 600); do
        if node -e "fetch('$BASE_URL/health').then(a => process.exit(a.ok ? 0 : 1), () => process.exit(1))"; then return; fi
        kill -0 "$server" 2>/dev/null || { cat "$log"; fail "the demo ($locale) ended before it answered"; }
        sleep 0.5
    done
    cat "$log"
    fail "the demo ($locale) did not answer within its time"
}

export E2E_EMAIL=partner@trivet.example E2E_PASSWORD=trivet-demo
outcome=0
say "Browser tests, English edition"
serve en
node e2e/run.mjs || outcome=1
stop
say "Screens, Chinese edition"
serve zh-CN
E2E_LOCALES=zh-CN E2E_OUT=e2e/out/zh node e2e/screens.mjs || outcome=1
exit "$outcome"
