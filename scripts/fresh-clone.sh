#!/usr/bin/env bash
# What a new machine would see: .ci/run in a clone of the last commit, in a temporary folder that goes away afterwards.
source "$(dirname "$0")/lib.sh"
[ -z "$(git status --porcelain)" ] || echo "Changes that are not committed are not part of this run."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git clone --quiet . "$folder/trivet"
cd "$folder/trivet"
started=$SECONDS
outcome=0
env -u CARGO_TARGET_DIR CI=true bash .ci/run </dev/null || outcome=$?
echo "fresh clone: exit $outcome after $(((SECONDS - started) / 60)) min $(((SECONDS - started) % 60)) s"
exit "$outcome"
