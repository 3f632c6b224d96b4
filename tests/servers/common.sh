# Sourced by the scripts beside it (bash). Nothing here starts or changes anything by itself.
#
# Everything that the scripts make lives under $STATE, so that removing that folder (after `down`) leaves the machine as it was.

STATE=${SCAF_TEST_STATE:-/var/tmp/scaf-test}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$STATE"
STATE=$(cd "$STATE" && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }
usage() { say "usage: $*"; exit 2; }

# The bundle of certificate authorities that this machine trusts, for mounting into containers and for pip and curl.
ca_bundle() {
  local f
  for f in "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    [ -n "$f" ] && [ -f "$f" ] && { printf '%s\n' "$f"; return; }
  done
  return 1
}

# Sets for uv and pip the index and the authorities that this machine's pip is set to: uv reads none of pip's configuration.
package_index() {
  local ca
  [ -n "${UV_DEFAULT_INDEX:-}" ] || UV_DEFAULT_INDEX=$(python3 -m pip config get global.index-url 2>/dev/null) || UV_DEFAULT_INDEX=${PIP_INDEX_URL:-}
  if [ -n "$UV_DEFAULT_INDEX" ]; then export UV_DEFAULT_INDEX; else unset UV_DEFAULT_INDEX; fi
  if ca=$(ca_bundle); then export SSL_CERT_FILE=$ca PIP_CERT=$ca; fi
}

# A pid alone may by now be somebody else's process, and these scripts must only ever stop what they started.
# A pid file of ours therefore holds "PID STARTTIME" (field 22 of /proc/PID/stat).
# A process that has ended but was not yet waited for by its parent (state Z) has none.
start_time() { sed -n 's/.*) //; /^[^ZX]/p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
write_pid() { printf '%s %s\n' "$2" "$(start_time "$2")" >"$1"; }
# Prints the pid in the file if that very process still lives.
live_pid() {
  local pid start
  [ -f "$1" ] && read -r pid start <"$1" || return 1
  [ -n "${start:-}" ] && [ "$(start_time "$pid")" = "$start" ] && printf '%s\n' "$pid"
}
# stop_pid FILE [SECONDS [SIGNAL]]: ends that process, with SIGKILL when it has not gone in time.
stop_pid() {
  local pid i
  if pid=$(live_pid "$1"); then
    kill -"${3:-TERM}" "$pid" 2>/dev/null || true
    for ((i = 0; i < ${2:-10} * 20; i++)); do
      live_pid "$1" >/dev/null || break
      sleep 0.05
    done
    live_pid "$1" >/dev/null && kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$1"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local seconds=$1 what=$2 i
  shift 2
  for ((i = 0; i < seconds * 20; i++)); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.05
  done
  die "$what did not come up in $seconds s"
}

# Two test processes may ask for the same thing at the same time: the second waits for the first.
# The lock is on a file descriptor, so a script that dies never leaves it behind. Daemons must be started with 9>&-, or
# they would keep it.
lock() {
  mkdir -p "$STATE/lock"
  exec 9>"$STATE/lock/$1"
  flock 9
}
