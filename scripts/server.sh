# A server of the program for a script with a browser, for as long as it is needed; its data is gone when the script ends.
# Sourced after lib.sh, never run.   source scripts/server.sh BINARY
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
finish() {
    stop
    rm -rf "$data"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'; }

# Starts the program and waits until it answers; the first start of a demo imports its data.   start NAME COMMAND…
start() {
    local name=$1 port
    shift
    port=$(free_port)
    log="$data/$name.log"
    "$binary" "$@" --data "$data/$name" --listen "127.0.0.1:$port" >"$log" 2>&1 </dev/null &
    server=$!
    export BASE_URL="http://127.0.0.1:$port"
    for _ in $(seq 600); do
        if node -e "fetch('$BASE_URL/health').then(a => process.exit(a.ok ? 0 : 1), () => process.exit(1))"; then return; fi
        kill -0 "$server" 2>/dev/null || { cat "$log"; fail "the server ($name) ended before it answered"; }
        sleep 0.5
    done
    cat "$log"
    fail "the server ($name) did not answer within its time"
}
