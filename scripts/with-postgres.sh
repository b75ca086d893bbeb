#!/usr/bin/env bash
# Runs a command beside a PostgreSQL server of its own, set up as one would for this machine (durable, with statistics); its
# empty database is named by TRIVET_DATABASE_URL.   with-postgres.sh COMMAND …
source "$(dirname "$0")/lib.sh"
need_postgres
programs=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -1 || true)
PATH="${programs:+$programs:}$PATH"
folder=$(mktemp -d)
as=()
# PostgreSQL refuses to run as root.
if [ "$(id -u)" = 0 ]; then
    chown nobody "$folder"
    as=(runuser -u nobody --)
fi
chmod 755 "$folder"
server=
stop() {
    if [ -n "$server" ]; then "${as[@]}" pg_ctl -D "$folder/data" -m fast -s stop || true; fi
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
(cd "$folder" && "${as[@]}" initdb -D data -U trivet --auth=trust --encoding=UTF8 --locale=C >/dev/null)
(cd "$folder" && "${as[@]}" pg_ctl -D data -l "$folder/log" -w -s start \
    -o "-k $folder -c listen_addresses= -c shared_buffers=512MB -c max_wal_size=4GB -c random_page_cost=1.1") || {
    cat "$folder/log"
    fail "PostgreSQL does not start"
}
server=started
"${as[@]}" createdb -h "$folder" -U trivet trivet
export TRIVET_DATABASE_URL="postgres://trivet@localhost/trivet?host=$folder"
"$@"
