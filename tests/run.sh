#!/usr/bin/env bash
# All the tests; extra words go to nextest. What cannot be had is skipped and said here at the end, but for what
# SCAF_TEST_WITH names: a missing one fails. `tests/servers/tools.sh install …` gets what can be installed.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
rm -f "$target/tmp/skipped.txt"
cargo nextest run "$@"
if [ -s "$target/tmp/skipped.txt" ]; then
  echo "skipped:"
  sort -u "$target/tmp/skipped.txt"
fi
