#!/usr/bin/env bash
# A fake NVIDIA management library, for tests of the GPU paths on machines without a GPU. What it answers is set by the
# environment: see the head of nvml_shim.c.
#
#   nvml.sh build     prints the path of libnvidia-ml.so.1 (LD_LIBRARY_PATH=its folder, or Nvml::builder().lib_path(it))
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ "${1:-}" = build ] && [ $# -eq 1 ] || usage 'nvml.sh build'

# The folder is named after the source, so a changed shim is built anew and a program that has the old one open is not hurt.
out=$STATE/nvml/$(sha256sum "$HERE/nvml_shim.c" | cut -c1-16)/libnvidia-ml.so.1
if [ ! -f "$out" ]; then
  mkdir -p "${out%/*}"
  gcc -shared -fPIC -O1 -Wl,-soname,libnvidia-ml.so.1 -o "$out.$$" "$HERE/nvml_shim.c"
  mv "$out.$$" "$out"
fi
printf '%s\n' "$out"
