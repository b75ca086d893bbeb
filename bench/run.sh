#!/usr/bin/env bash
# Speed of a full house: 50,000 accounts, 100,000 deals, 1,000,000 activities on SQLite, then on PostgreSQL.
#   run.sh BINARY [ARGUMENTS OF `torture load`]      ENGINES="sqlite postgres"
#   --small: a fiftieth of the rows, to see that everything runs   --times 10: ten times the rows   --report FILE: lines of JSON
source "$(dirname "$0")/../scripts/lib.sh"
binary=$1
shift
need_postgres
torture="$(dirname "$binary")/torture"
for engine in ${ENGINES:-sqlite postgres}; do
    say "Speed on $engine"
    if [ "$engine" = postgres ]; then
        bash scripts/with-postgres.sh "$torture" load --program "$binary" "$@"
    else
        "$torture" load --program "$binary" "$@"
    fi
done
