#!/usr/bin/env bash
# All the tests. What they need beside Rust and Python is named in SCAF_TEST_WITH (a missing one then fails);
# without it, what cannot be had is skipped, and said here at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
rm -f "$target/tmp/skipped.txt"
if [ -n "${SCAF_TEST_WITH:-}" ]; then
  # shellcheck disable=SC2086
  bash tests/servers/tools.sh install ${SCAF_TEST_WITH//,/ }
fi
cargo nextest run "$@"
if [ -s "$target/tmp/skipped.txt" ]; then
  echo "skipped:"
  sort -u "$target/tmp/skipped.txt"
fi
