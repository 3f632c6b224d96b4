#!/usr/bin/env bash
# Makes one of the real virtual environments that tests/environments pins, and prints its folder.
#
#   environments.sh article|vision|large
#
# CPython 3.11 and uv must be there (tools.sh install uv). What is there already, with the same pins, takes no time and no
# network. The cache is the one that uv uses anyway (UV_CACHE_DIR), so that torch is on the disk once: 6 GB for `article`,
# 2 GB for the other two.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# = 1 ] || usage 'environments.sh article|vision|large'
NAME=$1
PINS=$HERE/../environments/$NAME.txt
[[ $NAME =~ ^[a-z]+$ ]] && [ -f "$PINS" ] || usage 'environments.sh article|vision|large'
UV=$STATE/bin/uv
[ -x "$UV" ] || UV=$(type -P uv) || die 'no uv: tools.sh install uv'
VENV=$STATE/environments/$NAME

lock "environment-$NAME"
WANTED=$(sha256sum <"$PINS")
if [ "$(cat "$VENV/.done" 2>/dev/null)" != "$WANTED" ]; then
  package_index
  export UV_LINK_MODE=${UV_LINK_MODE:-hardlink} UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-180}
  rm -rf "$VENV"
  mkdir -p "${VENV%/*}"
  "$UV" venv -q --no-project --no-python-downloads --python 3.11 "$VENV" || die 'no CPython 3.11'
  # The pins are the whole closure, so nothing is resolved; wheels only, so no code of a distribution runs here.
  "$UV" pip install -q --no-deps --only-binary :all: --python "$VENV/bin/python" -r "$PINS" >&2
  "$UV" pip check -q --python "$VENV/bin/python" >&2 || die "$NAME.txt contradicts itself"
  printf '%s\n' "$WANTED" >"$VENV/.done"
fi
printf '%s\n' "$VENV"
