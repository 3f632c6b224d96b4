#!/usr/bin/env bash
# A podman of the tests' own (as root): own images, containers and configuration, and its service on a unix socket.
#
#   podman.sh up            starts the service, prints unix://SOCKET for DOCKER_HOST
#   podman.sh down [--purge] stops it and its containers; --purge: its images, too
#   podman.sh socket        prints unix://SOCKET, whether it runs or not
#   podman.sh kill          SIGKILL to the service; podman's containers have no daemon and live on
#   podman.sh cli ARGS...   runs this podman's own command line; needs no service
#   podman.sh bin           prints a folder with a `podman` command that is `podman.sh cli`, for PATH
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
USAGE='podman.sh up|down [--purge]|socket|kill|bin|cli ARGS...'
PATH=$PATH:/usr/sbin:/sbin

D=$STATE/podman
SOCKET=$D/p.sock # the kernel takes no more than 107 characters
[ ${#SOCKET} -le 107 ] || die "path too long for a socket: $SOCKET"
PID=$D/pid

configure() {
  [ "$(id -u)" = 0 ] || die 'needs root'
  type -P podman >/dev/null || die 'podman is not installed (tools.sh install podman)'
  mkdir -p "$D"/{bin,graph,run,tmp,networks,volumes}
  # runc: crun, podman's first choice, refuses hosts with mixed control groups ("cgroups in hybrid mode not supported").
  # Limits: podman would raise them to its own defaults, which needs CAP_SYS_RESOURCE; the present hard limits always work.
  cat >"$D/containers.conf.new" <<C
[containers]
default_ulimits = ["nofile=$(ulimit -Hn | sed s/unlimited/1048576/):$(ulimit -Hn | sed s/unlimited/1048576/)", "nproc=4096:4096"]
[engine]
$(type -P runc >/dev/null && echo 'runtime = "runc"')
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$D/tmp"
volume_path = "$D/volumes"
[network]
network_config_dir = "$D/networks"
C
  cat >"$D/storage.conf.new" <<C
[storage]
driver = "overlay"
graphroot = "$D/graph"
runroot = "$D/run"
C
  # No registry is there to be searched; with this list a short name that is missing fails at once and by its full name.
  cat >"$D/registries.conf.new" <<C
unqualified-search-registries = ["docker.io"]
short-name-mode = "permissive"
C
  cat >"$D/bin/podman.new" <<C
#!/bin/sh
export CONTAINERS_CONF='$D/containers.conf' CONTAINERS_STORAGE_CONF='$D/storage.conf' CONTAINERS_REGISTRIES_CONF='$D/registries.conf'
unset CONTAINER_HOST
exec $(type -P podman) "\$@"
C
  chmod 755 "$D/bin/podman.new"
  # Renamed whole: another test may be reading them.
  for f in containers.conf storage.conf registries.conf bin/podman; do mv "$D/$f.new" "$D/$f"; done
}
ready() { [ -x "$D/bin/podman" ] && [ "$D/bin/podman" -nt "$HERE/podman.sh" ]; }
ping() { curl -fsS -m 2 --unix-socket "$SOCKET" http://d/_ping; }

what=${1:-}
[ $# -gt 0 ] && shift
case $what in
  socket) printf 'unix://%s\n' "$SOCKET" ;;
  bin)
    ready || configure
    printf '%s\n' "$D/bin"
    ;;
  cli)
    ready || configure
    exec "$D/bin/podman" "$@"
    ;;
  up)
    lock podman
    ready || configure
    if ! live_pid "$PID" >/dev/null; then
      rm -f "$SOCKET"
      # podman 4.3's monitor leaves a file `oom` in the working directory of the podman that started the container.
      cd "$D/tmp"
      setsid "$D/bin/podman" system service --time=0 "unix://$SOCKET" >"$D/log" 2>&1 </dev/null 9>&- &
      write_pid "$PID" $!
    fi
    i=0
    until ping >/dev/null 2>&1; do
      live_pid "$PID" >/dev/null || { tail -5 "$D/log" >&2; die "the service ended: $D/log"; }
      [ $((i += 1)) -lt 600 ] || die "the service does not answer: $D/log"
      sleep 0.05
    done
    printf 'unix://%s\n' "$SOCKET"
    ;;
  kill)
    pid=$(live_pid "$PID") || die 'it does not run'
    kill -KILL "$pid"
    ;;
  down)
    lock podman
    if [ -x "$D/bin/podman" ]; then
      "$D/bin/podman" rm --all --force --time 0 >/dev/null 2>&1 9>&- || true
      stop_pid "$PID" 10
      if [ "${1:-}" = --purge ]; then
        "$D/bin/podman" system reset --force >/dev/null 2>&1 9>&- || true
      fi
      awk -v d="$D/" 'index($2, d) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
    fi
    rm -f "$SOCKET"
    if [ "${1:-}" = --purge ]; then rm -rf "$D"; fi
    ;;
  *) usage "$USAGE" ;;
esac
