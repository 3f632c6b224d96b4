#!/usr/bin/env bash
# Runs the Nth `sh` block of the README, as it stands there.
# usage: tests/readme.sh N
set -euo pipefail
cd "$(dirname "$0")/.."
block=$(awk -v want="$1" '/^```sh$/ { n++; inside = (n == want); next } /^```$/ { inside = 0 } inside' README.md)
[ -n "$block" ] || { echo "the README has no $1. sh block" >&2; exit 1; }
printf '%s\n' "$block" | sed 's/^/$ /'
exec sh -euc "$block"
