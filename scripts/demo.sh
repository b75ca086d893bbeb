#!/usr/bin/env bash
# Builds Trivet and serves a demo company.   demo.sh BINARY LOCALE PORT [DATA]
source "$(dirname "$0")/lib.sh"
binary=$1 locale=$2 port=$3 data=${4:-}
case "$locale" in
    en | zh-CN) ;;
    *) fail "LOCALE is en or zh-CN, not \"$locale\"" ;;
esac
[[ "$port" =~ ^[0-9]+$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || fail "PORT is a number from 1 to 65535, not \"$port\""

if [ -x "$binary" ]; then say "1/2  Building what has changed"; else say "1/2  Building Trivet: about 10 minutes the first time, on two cores"; fi
bash scripts/build.sh
say "2/2  Starting the demo company (the first start imports its data)"
exec "$binary" demo --locale "$locale" --listen "127.0.0.1:$port" ${data:+--data "$data"}
