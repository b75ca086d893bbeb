#!/usr/bin/env bash
# Speed of a full house: 50,000 accounts, 100,000 deals, 1,000,000 activities on SQLite, then on PostgreSQL.
#   run.sh BINARY [ARGUMENTS OF `torture load`]      ENGINES="sqlite postgres"
#   --small: a fiftieth of the rows, to see that everything runs   --times 10: ten times the rows
#   REPORT=FOLDER: the figures as lines of JSON, a file for each engine
#   TENTH=FOLDER: such reports of a run with a tenth of the rows, to see how much more each page takes
source "$(dirname "$0")/../scripts/lib.sh"
binary=$1
shift
need_postgres
torture="$(dirname "$binary")/torture"
for engine in ${ENGINES:-sqlite postgres}; do
    say "Speed on $engine"
    arguments=("$@")
    if [ -n "${REPORT:-}" ]; then
        mkdir -p "$REPORT"
        arguments+=(--report "$REPORT/$engine.jsonl")
    fi
    [ -z "${TENTH:-}" ] || arguments+=(--tenth "$TENTH/$engine.jsonl")
    if [ "$engine" = postgres ]; then
        bash scripts/with-postgres.sh "$torture" load --program "$binary" "${arguments[@]}"
    else
        "$torture" load --program "$binary" "${arguments[@]}"
    fi
done
