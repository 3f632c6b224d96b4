#!/usr/bin/env bash
# Installs what the tests need beside Rust, git and a C compiler. What is there already takes no time and no network.
#
#   tools.sh install WHAT...    podman chromium git make docker mmdebstrap
#                                                                 packages of the distribution (apt-get, root)
#                               uv                                in a virtual environment, linked as bin/uv and bin/uvx
#                               azure                             azure-ai-ml, and bin/azure-validate JOB.yaml
#                               jupyter                           JupyterLab, linked as bin/jupyter-lab
#                               buildx                            docker-buildx, a client plugin (see docker-config)
#                               peers                             deptry, fawltydeps and pipreqs, for benches/detect.rs, in peers/bin
#   tools.sh path               prints the folder to put first in PATH
#   tools.sh docker-config      prints the folder for DOCKER_CONFIG, with which `docker buildx` is there
#
# Python packages come from the index that this machine's pip is set to, Debian packages from the mirror that its apt is set to.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
USAGE='tools.sh install podman|chromium|git|make|docker|mmdebstrap|uv|azure|jupyter|buildx|peers... | path | docker-config'
BIN=$STATE/bin
DOCKER_CLIENT=$STATE/docker-config
mkdir -p "$BIN"

# ---------------------------------------------------------------- packages of the distribution
apt_install() { # COMMAND PACKAGE...: nothing to do where the command is
  local command=$1
  shift
  PATH=$PATH:/usr/sbin:/sbin type -P "$command" >/dev/null && return
  type -P apt-get >/dev/null || die "$command is missing, and this is no Debian to install it on"
  [ "$(id -u)" = 0 ] || die "$command is missing: apt-get install $* (as root)"
  # Others may be installing at the same time: wait for their lock. The lists may be missing or too old for the mirror.
  export DEBIAN_FRONTEND=noninteractive
  local apt='apt-get -qq -o DPkg::Lock::Timeout=300'
  $apt install -y --no-install-recommends "$@" >"$STATE/apt.log" 2>&1 9>&- || {
    $apt update >"$STATE/apt.log" 2>&1 9>&-
    $apt install -y --no-install-recommends "$@" >>"$STATE/apt.log" 2>&1 9>&- || { tail -5 "$STATE/apt.log" >&2; die "apt-get install $*"; }
  }
}

# ---------------------------------------------------------------- Python packages
install_uv() {
  [ -x "$BIN/uv" ] && return
  package_index
  python3 -m venv "$STATE/uv"
  "$STATE/uv/bin/python" -m pip install -q --disable-pip-version-check uv
  ln -sf "$STATE/uv/bin/uvx" "$BIN/uvx"
  ln -sf "$STATE/uv/bin/uv" "$BIN/uv" # last: its presence means "done"
}
# venv NAME COMMAND-THAT-PROVES-IT REQUIREMENT...
# With bytecode: where PYTHONDONTWRITEBYTECODE is set, every start would compile hundreds of modules anew (three times as slow).
venv() {
  local dir=$STATE/$1 proof=$2
  shift 2
  [ -f "$dir/.done" ] && [ "$(cat "$dir/.done")" = "$*" ] && return
  install_uv
  package_index
  rm -rf "$dir"
  "$BIN/uv" venv -q --no-project --python "$(python3 -c 'import sys; print(sys.executable)')" "$dir"
  "$BIN/uv" pip install -q --compile-bytecode --python "$dir/bin/python" "$@"
  "$dir/bin/$proof" >/dev/null 2>&1 || "$dir"/bin/python -c "$proof"
  printf '%s' "$*" >"$dir/.done"
}
install_azure() {
  # setuptools below 81: azure-ai-ml's dependencies still import pkg_resources.
  venv azure 'import azure.ai.ml' azure-ai-ml 'setuptools<81'
  printf '#!/bin/sh\nexec %s/azure/bin/python %s/azure_validate.py "$@"\n' "$STATE" "$HERE" >"$BIN/azure-validate.$$"
  chmod 755 "$BIN/azure-validate.$$"
  mv "$BIN/azure-validate.$$" "$BIN/azure-validate"
}
install_jupyter() {
  venv jupyter 'import jupyterlab' jupyterlab
  ln -sf "$STATE/jupyter/bin/jupyter-lab" "$BIN/jupyter-lab"
}
# The versions that docs/performance.md tells of.
install_peers() { venv peers 'import deptry, fawltydeps, pipreqs' deptry==0.25.1 fawltydeps==0.20.0 pipreqs==0.5.0; }

# ---------------------------------------------------------------- buildx
# The mirror in this machine's own apt sources, of either form; not the security archive, which has no sid.
debian_mirror() {
  local f
  for f in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$f" ] && sed -nE 's/^URIs: *//p; s/^deb +(\[[^]]*\] +)?([^ ]+).*/\2/p' "$f" | tr ' ' '\n' || true
  done | awk '/\/debian\/?$/ && !found { print; found = 1 }'
}
install_buildx() {
  local plugin=$DOCKER_CLIENT/cli-plugins/docker-buildx w=$STATE/sid own mirror
  [ -x "$plugin" ] && return
  mkdir -p "${plugin%/*}"
  [ -f "$DOCKER_CLIENT/config.json" ] || printf '{}\n' >"$DOCKER_CLIENT/config.json"
  for own in "${DOCKER_CONFIG:-$HOME/.docker}" /usr/local/lib/docker /usr/local/libexec/docker /usr/lib/docker /usr/libexec/docker; do
    [ -x "$own/cli-plugins/docker-buildx" ] && { ln -sf "$own/cli-plugins/docker-buildx" "$plugin"; return; }
  done
  # Debian 12 has no buildx; sid's is a Go program that needs nothing of sid. An apt of its own, so that the machine's sources
  # stay as they are. A mirror that is a copy of a past day has an expired sid, hence Check-Valid-Until.
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || die 'buildx: no Debian mirror in /etc/apt to take it from'
  mkdir -p "$w"/lists/partial "$w"/cache/archives/partial "$w"/deb
  : >"$w/status"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s sid main\n' "$mirror" >"$w/sources.list"
  cat >"$w/apt.conf" <<C
Dir::Etc::sourcelist "$w/sources.list"; Dir::Etc::sourceparts "-"; Dir::State::lists "$w/lists"; Dir::State::status "$w/status";
Dir::Cache "$w/cache"; Acquire::Check-Valid-Until "false"; Acquire::Languages "none"; APT::Sandbox::User "root";
C
  (cd "$w/deb" && export APT_CONFIG="$w/apt.conf" && apt-get -qq update && apt-get -qq download docker-buildx) >"$w/log" 2>&1 ||
    { tail -5 "$w/log" >&2; die 'buildx: not to be had'; }
  dpkg-deb -x "$w"/deb/docker-buildx_*.deb "$w/x"
  cp "$(find "$w/x" -name docker-buildx -type f -perm /111 | head -1)" "$plugin.new"
  mv "$plugin.new" "$plugin"
  rm -rf "$w"
}

case ${1:-} in
  path) printf '%s\n' "$BIN" ;;
  docker-config) printf '%s\n' "$DOCKER_CLIENT" ;;
  install)
    shift
    [ $# -gt 0 ] || usage "$USAGE"
    lock tools
    for what; do
      case $what in
        podman) apt_install podman podman runc conmon catatonit netavark fuse-overlayfs ;;
        # fonts: without any, a page has boxes for letters
        chromium) type -P chromium-browser google-chrome >/dev/null || apt_install chromium chromium fonts-dejavu-core ;;
        git) apt_install git git ;;
        make) apt_install make make ;;
        docker) apt_install dockerd docker.io ;;
        mmdebstrap) apt_install mmdebstrap mmdebstrap ;;
        uv | azure | jupyter | buildx | peers) "install_$what" ;;
        *) usage "$USAGE" ;;
      esac
    done
    ;;
  *) usage "$USAGE" ;;
esac
