#!/usr/bin/env bash
# A Docker daemon of the tests' own beside the machine's: own socket, images, containerd and network bridge. For tests that
# need an engine which they may stop, kill or freeze, a second engine, or `--gpus` without a GPU.
#
#   dockerd.sh up [--no-nvidia] [NAME]   starts it (default NAME: second), prints unix://SOCKET for DOCKER_HOST
#   dockerd.sh down [--purge] [NAME]     stops it and all its containers; --purge: its images, too
#   dockerd.sh socket [NAME]             prints unix://SOCKET, whether it runs or not
#   dockerd.sh kill [NAME]               SIGKILL: the engine dies, its containers live on (down, or up, puts that in order)
#   dockerd.sh freeze|thaw [NAME]        SIGSTOP, SIGCONT: an engine that takes connections and never answers
#   dockerd.sh dir [NAME]                prints its folder: log, hook.log
#
# With NVIDIA (the default) `--gpus` is accepted: a hook in the daemon's PATH stands for NVIDIA's and writes one line for every
# container into hook.log. While a file hook.fail lies beside the log, the hook fails with its text, as the real one does.
# The containers' network reaches no further than the bridge (no packet filter rules are made); --network host works.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
USAGE='dockerd.sh up [--no-nvidia]|down [--purge]|socket|kill|freeze|thaw|dir [NAME]'
PATH=$PATH:/usr/sbin:/sbin

what=${1:-}
[ $# -gt 0 ] && shift
option=
case ${1:-} in --*) option=$1; shift ;; esac
[ $# -le 1 ] || usage "$USAGE"
case $what$option in up | up--no-nvidia | down | down--purge | socket | kill | freeze | thaw | dir) ;; *) usage "$USAGE" ;; esac
name=${1:-second}
case $name in *[!a-z0-9-]* | -* | '') die "NAME is made of a-z, 0-9 and -, not $name" ;; esac

D=$STATE/dockerd/$name
SOCKET=$D/d.sock # the kernel takes no more than 107 characters
[ ${#SOCKET} -le 107 ] || die "path too long for a socket: $SOCKET"
PID=$D/pid
sum=$(printf '%s' "$D" | cksum | cut -d' ' -f1)
BRIDGE=scaft-$(printf '%08x' "$sum") # at most 15 characters

ping() { curl -fsS -m 2 --unix-socket "$SOCKET" http://d/_ping; }

bridge() {
  # NEVER --bridge=none: a daemon started so deletes docker0, the bridge of the machine's own daemon.
  ip link show "$BRIDGE" >/dev/null 2>&1 && return
  local i octet
  for ((i = 0; i < 150; i++)); do
    octet=$((100 + (sum + i) % 150))
    ip -o -4 addr show | grep -q " 172\.31\.$octet\." || break
  done
  ip link add "$BRIDGE" type bridge
  ip addr add "172.31.$octet.1/24" dev "$BRIDGE"
  ip link set "$BRIDGE" up
}

nvidia() {
  rm -rf "$D/bin"
  mkdir -p "$D/bin"
  [ "$option" = --no-nvidia ] && return
  # A real hook mounts the driver's files into the container (stdin: its OCI state with pid and bundle). This one only
  # writes down that it was called, and for which GPUs.
  cat >"$D/bin/nvidia-container-runtime-hook" <<H
#!/bin/sh
state=\$(cat)
bundle=\$(printf %s "\$state" | sed -n 's/.*"bundle": *"\([^"]*\)".*/\1/p')
gpus=\$(grep -o '"NVIDIA_[A-Z_]*=[^"]*"' "\$bundle/config.json" 2>/dev/null | tr -d '"' | sort -u | tr '\n' ' ')
printf '%s %s %s%s\n' "\$(date +%FT%T)" "\$*" "\$gpus" "\$state" >>'$D/hook.log'
[ -f '$D/hook.fail' ] && { cat '$D/hook.fail' >&2; exit 1; }
exit 0
H
  chmod 755 "$D/bin/nvidia-container-runtime-hook"
}

# What a daemon that was killed leaves: containers and their shims. Everything is found by this daemon's own folder, so
# nothing of another engine can be hit.
sweep() {
  local id p
  for id in $(ls "$D/exec/runtime-runc/moby" 2>/dev/null); do
    runc --root "$D/exec/runtime-runc/moby" delete --force "$id" 2>/dev/null || true
  done
  for p in $(grep -lzs "^$D/exec/containerd/" /proc/[0-9]*/cmdline || true); do
    p=${p%/cmdline}
    case $(cat "$p/comm" 2>/dev/null) in containerd*) kill -KILL "${p#/proc/}" 2>/dev/null || true ;; esac
  done
  awk -v d="$D/" 'index($2, d) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
  rm -rf "$D/exec" "$D/dockerd.pid" "$SOCKET"
}

case $what in
  dir) printf '%s\n' "$D" ;;
  socket) printf 'unix://%s\n' "$SOCKET" ;;
  kill | freeze | thaw)
    pid=$(live_pid "$PID") || die "$name does not run"
    case $what in kill) s=KILL ;; freeze) s=STOP ;; thaw) s=CONT ;; esac
    kill -$s "$pid"
    # Its containerd dies with it a moment later. A caller that asks for up at once must not meet the old one.
    if [ $what = kill ]; then wait_for 5 'the end of the daemon' eval '! live_pid "$PID"'; fi
    ;;
  down)
    lock "dockerd-$name"
    if pid=$(live_pid "$PID"); then kill -CONT "$pid"; fi # a frozen one would not notice that it is to stop
    stop_pid "$PID" 20
    if [ -d "$D" ]; then sweep; fi
    ip link show "$BRIDGE" >/dev/null 2>&1 && ip link del "$BRIDGE"
    if [ "$option" = --purge ]; then rm -rf "$D"; fi
    ;;
  up)
    [ "$(id -u)" = 0 ] || die 'needs root'
    type -P dockerd >/dev/null || die 'dockerd is not installed'
    mkdir -p "$D"
    lock "dockerd-$name"
    if ! live_pid "$PID" >/dev/null; then
      sweep
      bridge
      nvidia
      printf '{}\n' >"$D/daemon.json" # not the machine's /etc/docker/daemon.json
      cd "$D"
      # iptables and forwarding are the machine's own daemon's; two daemons writing there undo each other's rules.
      PATH=$D/bin:$PATH setsid dockerd --data-root "$D/data" --exec-root "$D/exec" --pidfile "$D/dockerd.pid" -H "unix://$SOCKET" \
        --config-file "$D/daemon.json" --bridge "$BRIDGE" --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
        --shutdown-timeout 3 >"$D/log" 2>&1 </dev/null 9>&- &
      write_pid "$PID" $!
    fi
    i=0
    until ping >/dev/null 2>&1; do
      live_pid "$PID" >/dev/null || { tail -5 "$D/log" >&2; die "the daemon ended: $D/log"; }
      [ $((i += 1)) -lt 600 ] || die "the daemon does not answer: $D/log"
      sleep 0.05
    done
    printf 'unix://%s\n' "$SOCKET"
    ;;
esac
