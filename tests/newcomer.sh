#!/usr/bin/env bash
# The README's first command as a newcomer would meet it: as an ordinary user with a fresh HOME and a fresh
# clone. First with the templates' base image on the engine: the run must have been in docker, and no file
# may have become root's. Then without it: the run must have fallen back to the host engine, and said so.
# Needs root (to become somebody else), docker, and a Rust toolchain.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD
minor=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
image=python:$minor-slim
state=${SCAF_TEST_STATE:-/var/tmp/scaf-test}
work=$(mktemp -d /var/tmp/scaf-newcomer.XXXXXX)
uid=4321
trap 'rm -rf "$work"' EXIT

# Root's toolchain and Python may lie where nobody else can read; a newcomer has his own.
sysroot=$(rustc --print sysroot)
python=$(python3 -c 'import sys; print(sys.base_prefix)')
mkdir -p "$work/home" "$work/tools"
cp -a "$sysroot" "$work/tools/rust"
cp -a "$python" "$work/tools/python"
git clone -q "$here" "$work/scaf"
chmod 755 "$work" "$work/tools"
chown -R $uid:$uid "$work/home" "$work/scaf"
group=$(stat -c %g /var/run/docker.sock)

newcomer() {
  setpriv --reuid=$uid --regid=$uid --groups="$uid,$group" \
    env -i HOME="$work/home" PATH="$work/tools/rust/bin:$work/tools/python/bin:/usr/local/bin:/usr/bin:/bin" \
    LD_LIBRARY_PATH="$work/tools/python/lib" LANG=C.UTF-8 TERM=dumb CARGO_HOME="$work/home/.cargo" \
    ${SSL_CERT_FILE:+SSL_CERT_FILE="$SSL_CERT_FILE"} ${PIP_CERT:+PIP_CERT="$PIP_CERT"} \
    ${REQUESTS_CA_BUNDLE:+REQUESTS_CA_BUNDLE="$REQUESTS_CA_BUNDLE"} ${CARGO_NET_GIT_FETCH_WITH_CLI:+CARGO_NET_GIT_FETCH_WITH_CLI=1} \
    bash -c "cd '$work/scaf' && bash tests/readme.sh 1"
}

engine_of_newest() {
  python3 - "$work/scaf/scaffold-example/runs/digit_recognition" <<'P'
import json, pathlib, sys
run = sorted(p for p in pathlib.Path(sys.argv[1]).iterdir() if (p / "plan.json").is_file())[-1]
record, outcome = (json.loads((run / name).read_text()) for name in ("plan.json", "outcome.json"))
metrics = json.loads((run / "outputs" / "metrics.json").read_text())
assert outcome["status"] == 0, outcome
assert metrics["accuracy"] > 0.95, metrics
assert (run / "outputs" / "confusion_matrix.png").stat().st_size > 1000
print(record["engine"])
P
}

bash tests/servers/images.sh python "$image" >/dev/null
newcomer
engine=$(engine_of_newest)
[ "$engine" = docker ] || { echo "with the image, the engine was $engine" >&2; exit 1; }
foreign=$(find "$work/scaf" "$work/home" ! -uid $uid | head)
[ -z "$foreign" ] || { echo "these became somebody else's:" >&2; echo "$foreign" >&2; exit 1; }
echo "in docker: ok, no file is root's"

# Without the base image there is no way to make the experiment's; tags of this project that are there
# already must go, too.
docker images -q --filter "label=scaf.project=scaffold-example" | sort -u | xargs -r docker image rm -f >/dev/null
docker image rm "$image" >/dev/null
newcomer 2> >(tee "$work/talk" >&2)
engine=$(engine_of_newest)
bash tests/servers/images.sh python "$image" >/dev/null
[ "$engine" = host ] || { echo "without the image, the engine was $engine" >&2; exit 1; }
grep -q "engine: host" "$work/talk" || { echo "the fall-back was silent" >&2; exit 1; }
echo "on the host: ok, and said so"
