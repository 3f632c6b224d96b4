#!/usr/bin/env bash
# Base images for the tests, made from this machine's own files: no registry, and but for `debian` no network.
#
#   images.sh scratch [--force] [TAG]            one static program, probe.c, as /bin/probe    (default scaf-test/scratch:1)
#   images.sh python  [--force] TAG [VERSION]    like python:VERSION-slim, from a CPython of this machine (default: python3's)
#   images.sh debian  [--force] TAG [VERSION]    the same on a whole Debian, with apt-get and this machine's mirror (needs mmdebstrap)
#   images.sh inherit NEW FROM                   gives the image FROM the second name NEW
#
# Prints the name of the image on stdout. An image that is there is left alone, unless --force is given.
# DOCKER_HOST is honoured; DOCKER=podman imports into the podman of podman.sh instead; DOCKER=/path/to/client is run as it is.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
USAGE='images.sh scratch [--force] [TAG] | python|debian [--force] TAG [VERSION] | inherit NEW FROM'
PATH=$PATH:/usr/sbin:/sbin # ldconfig, for callers that are not root
CACHE=$STATE/images
mkdir -p "$CACHE"
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

engine() {
  if [ "${DOCKER:-docker}" = podman ]; then "$HERE/podman.sh" cli "$@"; else "${DOCKER:-docker}" "$@"; fi
}
# A Dockerfile's `FROM python:3.11-slim` means docker.io/library/python:3.11-slim. Docker adds that by itself, podman
# would call an imported image localhost/….
full_name() {
  case ${DOCKER:-docker}:$1 in
    podman:*.*/* | podman:localhost/*) printf '%s\n' "$1" ;;
    podman:*/*) printf 'docker.io/%s\n' "$1" ;;
    podman:*) printf 'docker.io/library/%s\n' "$1" ;;
    *) printf '%s\n' "$1" ;;
  esac
}
there() { engine image inspect "$(full_name "$1")" >/dev/null 2>&1; }
digest_of() { sha256sum "$@" | sha256sum | cut -c1-16; }

import_tar() { # TAR TAG CHANGE...: and the image that had the name before goes, unless something uses it
  local tar=$1 name old change options=()
  name=$(full_name "$2")
  shift 2
  for change; do options+=(--change "$change"); done
  old=$(engine image inspect -f '{{.Id}}' "$name" 2>/dev/null) || old=
  engine import "${options[@]}" - "$name" <"$tar" >/dev/null 2>"$CACHE/import.log" || { cat "$CACHE/import.log" >&2; exit 1; }
  if [ -n "$old" ]; then engine rmi "$old" >/dev/null 2>&1 || true; fi
}

# ---------------------------------------------------------------- scratch
scratch() {
  local tag=${1:-scaf-test/scratch:1} tar
  tar=$CACHE/scratch-$(digest_of "$HERE/probe.c").tar
  if [ ! -f "$tar" ]; then
    work=$(mktemp -d "$CACHE/work.XXXXXX")
    mkdir "$work/bin"
    gcc -Os -static -s -o "$work/bin/probe" "$HERE/probe.c"
    tar -C "$work" --owner=0 --group=0 --numeric-owner -cf "$tar.new" bin
    mv "$tar.new" "$tar"
    rm -r "$work"
  fi
  import_tar "$tar" "$tag" 'CMD ["/bin/probe"]' 'ENV PATH=/bin'
  printf '%s\n' "$tag"
}

# ---------------------------------------------------------------- python
# The interpreter to take: one that was not built for /usr, since the distribution's own keeps its packages elsewhere
# (dist-packages) and would not behave as the official image's does. python3 may be a shim: only sys.base_prefix tells the truth.
find_python() {
  local want=${1:-} candidate said
  for candidate in ${want:+"python$want"} python3 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"${want:-3.}"*/bin/python3 \
    "${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}"/cpython-"${want:-3.}"*/bin/python3 \
    "${RUNNER_TOOL_CACHE:-/opt/hostedtoolcache}"/Python/"${want:-3.}"*/*/bin/python3; do
    said=$("$candidate" -I -c 'import sys
print(sys.base_prefix, "%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case $said in
      "/usr "*) ;;
      *" ${want:-3.}"*) printf '%s\n' "$said"; return ;;
    esac
  done
  die "no CPython ${want} outside /usr found (looked at python3, pyenv, uv, the tool cache)"
}

# Commands of the image beside Python: what scripts and a JupyterLab terminal use. Those that this machine lacks are left out.
COMMANDS='bash
  [ basename cat chgrp chmod chown cp cut date dd df dirname du echo env expr false groups head hostname id install kill ln ls md5sum
  mkdir mkfifo mktemp mv nice nohup nproc od printf pwd readlink realpath rm rmdir seq sha256sum sleep sort stat stty tail tee test
  timeout touch tr true tty uname uniq wc whoami xargs yes
  awk cmp diff egrep find getent grep gunzip gzip infocmp locale ps sed tar tput which'
# Libraries that wheels expect from the system (manylinux), beyond those that Python and the commands load themselves.
LIBRARIES='libstdc++.so.6 libgcc_s.so.1 libgomp.so.1 libz.so.1 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libutil.so.1
  libresolv.so.2 libnss_dns.so.2 libnss_files.so.2 libcrypt.so.1 libexpat.so.1 libatomic.so.1'

python_itself() { # PREFIX VERSION ROOT: into /usr/local, with pip
  local prefix=$1 v=python$2 t=$3 c
  mkdir -p "$t"/usr/local/{bin,include,lib/"$v"/site-packages}
  # The standard library with its .pyc files (the official image compiles on first use; without them every start as a user
  # who cannot write there takes longer), without this machine's site-packages.
  tar -C "$prefix" -c --exclude="lib/$v/site-packages" --exclude="lib/$v/test" --exclude="lib/$v/idlelib" --exclude="lib/$v/turtledemo" \
    --exclude="lib/$v/config-*" --exclude='*/test' --exclude='*/tests' --exclude='*.opt-?.pyc' --exclude='*.a' \
    "lib/$v" "bin/$v" "include/$v" $(cd "$prefix" && ls -d lib/libpython* 2>/dev/null | grep -v '\.a$') | tar -C "$t/usr/local" -x
  chmod -R u+w "$t/usr/local"
  ln -s "$v" "$t/usr/local/bin/python3"
  ln -s python3 "$t/usr/local/bin/python"
  # pip (and setuptools, up to 3.11) out of the wheels that CPython itself carries.
  for c in "$prefix/lib/$v"/ensurepip/_bundled/*.whl; do
    "$prefix/bin/$v" -I -m zipfile -e "$c" "$t/usr/local/lib/$v/site-packages"
  done
  "$prefix/bin/$v" -I -m compileall -q -j 2 --invalidation-mode unchecked-hash -s "$t" -p / "$t/usr/local/lib/$v/site-packages" >/dev/null || true
  for c in pip pip3 "pip$2"; do
    printf '#!/usr/local/bin/%s\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n' "$v" >"$t/usr/local/bin/$c"
    chmod 755 "$t/usr/local/bin/$c"
  done
}

python_rootfs() { # PREFIX VERSION ROOT
  local v=python$2 t=$3 c p l
  # Debian's layout since 12: /bin and /lib are links into /usr.
  mkdir -p "$t"/usr/{bin,sbin,lib,lib64,share} "$t"/{etc/ssl/certs,home,mnt,opt,proc,root,run,srv,sys,dev,tmp,var/tmp,var/lib}
  for l in bin sbin lib lib64; do ln -s "usr/$l" "$t/$l"; done
  chmod 755 "$t"
  chmod 1777 "$t/tmp" "$t/var/tmp"
  chmod 700 "$t/root"
  python_itself "$@"

  for c in $COMMANDS; do
    p=$(type -P "$c") || continue # the path of a file, not a builtin of this shell
    p=$(readlink -f "$p")
    cp "$p" "$t/usr/bin/$c"
  done
  ln -s bash "$t/usr/bin/sh"

  {
    for p in "$t/usr/local/bin/$v" "$t/usr/local/lib/$v"/lib-dynload/*.so "$t"/usr/bin/*; do
      # Only the libraries of the system: Python's own are in /usr/local/lib already.
      [ -L "$p" ] || LD_LIBRARY_PATH=$t/usr/local/lib ldd "$p" 2>/dev/null || true
    done
    # awk reads to the end: were it to leave early, ldconfig would die of SIGPIPE now and then, and pipefail end it all.
    for l in $LIBRARIES; do ldconfig -p | awk -v l="$l" '$1 == l && !seen { print "x => " $NF; seen = 1 }'; done
  } | grep -oE '/[^ )]+' | grep -E '^(/usr)?/lib' | sort -u | while read -r l; do
    [ -f "$t$l" ] || install -D "$(readlink -f "$l")" "$t$l"
  done
  # ldconfig's cache finds /usr/local/lib, so LD_LIBRARY_PATH stays free: set in an image it would beat the libraries that
  # wheels bring along, be inherited by every child, and be lost where a tool cleans the environment.
  printf '/usr/local/lib\n' >"$t/etc/ld.so.conf"
  ldconfig -r "$t"

  [ -d /usr/lib/locale/C.utf8 ] && mkdir -p "$t/usr/lib/locale" && cp -a /usr/lib/locale/C.utf8 "$t/usr/lib/locale/"
  [ -d /lib/terminfo ] && cp -a /lib/terminfo "$t/usr/lib/"
  [ -d /usr/share/zoneinfo ] && cp -a /usr/share/zoneinfo "$t/usr/share/"
  cp /etc/os-release "$t/etc/os-release"
  # The public authorities alone. This machine's private ones stay out: that an image does not know them is what the tests
  # of private networks are about.
  find /usr/share/ca-certificates/mozilla -name '*.crt' -exec cat {} + 2>/dev/null >"$t/etc/ssl/certs/ca-certificates.crt" || true
  mkdir -p "$t/usr/lib/ssl"
  ln -s /etc/ssl/certs "$t/usr/lib/ssl/certs"
  ln -s /etc/ssl/openssl.cnf "$t/usr/lib/ssl/openssl.cnf"
  [ -f /etc/ssl/openssl.cnf ] && cp /etc/ssl/openssl.cnf "$t/etc/ssl/"
  printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n' >"$t/etc/passwd"
  printf 'root:x:0:\ntty:x:5:\nusers:x:100:\nnogroup:x:65534:\n' >"$t/etc/group"
  printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$t/etc/nsswitch.conf"
}

python_image() { # TAG [VERSION]
  local tag=$1 found prefix version full tar
  found=$(find_python "${2:-}")
  prefix=${found% *} version=${found##* }
  full=$("$prefix/bin/python$version" -I -c 'import platform; print(platform.python_version())')
  tar=$CACHE/python-$full-$(digest_of "$HERE/images.sh" "$prefix/bin/python$version").tar
  if [ ! -f "$tar" ]; then
    work=$(mktemp -d "$CACHE/work.XXXXXX")
    python_rootfs "$prefix" "$version" "$work"
    tar -C "$work" --owner=0 --group=0 --numeric-owner -cf "$tar.new" .
    rm -rf "$work"
    rm -f "$CACHE/python-$full"-*.tar # of an older script
    mv "$tar.new" "$tar"
  fi
  # The environment of the official image.
  import_tar "$tar" "$tag" 'CMD ["python3"]' 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
    'ENV LANG=C.UTF-8' "ENV PYTHON_VERSION=$full"
  printf '%s\n' "$tag"
}

# ---------------------------------------------------------------- debian
# As the official images are made: Debian's own packages, and CPython beside them in /usr/local. What its modules load comes with
# the packages that have it here, but for tkinter's windows: the official slim images lack them, too.
debian_image() { # TAG [VERSION]
  local tag=$1 found prefix version full tar suite packages mirror
  found=$(find_python "${2:-}")
  prefix=${found% *} version=${found##* }
  full=$("$prefix/bin/python$version" -I -c 'import platform; print(platform.python_version())')
  suite=$(. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-}")
  [ -n "$suite" ] && [ -f /etc/debian_version ] || die "this machine is no Debian"
  type -P mmdebstrap >/dev/null || die "mmdebstrap is missing: tools.sh install mmdebstrap"
  tar=$CACHE/debian-$suite-$full-$(digest_of "$HERE/images.sh" "$prefix/bin/python$version").tar
  if [ ! -f "$tar" ]; then
    packages=$(for l in "$prefix/bin/python$version" "$prefix/lib/python$version"/lib-dynload/*.so; do
      case $l in */_tkinter.*) ;; *) ldd "$l" 2>/dev/null || true ;; esac
    done | grep -oE '/[^ )]+' | grep -E '^(/usr)?/lib' | sort -u | while read -r l; do
      dpkg -S "$(readlink -f "$l")" "$l" 2>/dev/null || true
    done | sed 's/:.*//' | sort -u | paste -sd,)
    # Of the two places one may be missing.
    mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
      sed -nE 's|^URIs: *(http[^ ]*/debian/?)$|\1|p; s|^deb (http[^ ]*/debian/?) .*|\1|p' | sed -n 1p)
    work=$(mktemp -d "$CACHE/work.XXXXXX")
    # Whatever date its mirror is of: the tests' may be a copy of some time ago.
    mmdebstrap --quiet --variant=essential --include="apt,ca-certificates,netbase${packages:+,$packages}" \
      --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
      --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
      "$suite" "$work" ${mirror:+"$mirror"} >"$CACHE/mmdebstrap.log" 2>&1 9>&- || { tail -5 "$CACHE/mmdebstrap.log" >&2; die "mmdebstrap"; }
    python_itself "$prefix" "$version" "$work"
    printf '/usr/local/lib\n' >"$work/etc/ld.so.conf.d/local.conf"
    ldconfig -r "$work"
    tar -C "$work" --numeric-owner --exclude=./dev -cf "$tar.new" .
    rm -rf "$work"
    rm -f "$CACHE/debian-$suite-$full"-*.tar # of an older script
    mv "$tar.new" "$tar"
  fi
  import_tar "$tar" "$tag" 'CMD ["python3"]' 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
    'ENV LANG=C.UTF-8' "ENV PYTHON_VERSION=$full"
  printf '%s\n' "$tag"
}

# ---------------------------------------------------------------- what was asked
what=${1:-}
[ $# -gt 0 ] && shift
force=
[ "${1:-}" = --force ] && { force=1; shift; }
case $what in
  scratch)
    [ $# -le 1 ] || usage "$USAGE"
    lock images
    if [ -z "$force" ] && there "${1:-scaf-test/scratch:1}"; then printf '%s\n' "${1:-scaf-test/scratch:1}"; else scratch "$@"; fi
    ;;
  python)
    [ $# -eq 1 ] || [ $# -eq 2 ] || usage "$USAGE"
    lock images
    if [ -z "$force" ] && there "$1"; then printf '%s\n' "$1"; else python_image "$@"; fi
    ;;
  debian)
    [ $# -eq 1 ] || [ $# -eq 2 ] || usage "$USAGE"
    lock images
    if [ -z "$force" ] && there "$1"; then printf '%s\n' "$1"; else debian_image "$@"; fi
    ;;
  inherit)
    [ $# -eq 2 ] || usage "$USAGE"
    engine tag "$(full_name "$2")" "$(full_name "$1")"
    printf '%s\n' "$1"
    ;;
  *) usage "$USAGE" ;;
esac
