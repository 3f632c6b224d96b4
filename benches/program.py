#!/usr/bin/env python3
"""The program against what it stands beside, interleaved, on this machine; prints ratios.

usage: benches/program.py SCAF [--pairs N] [--uv UV] [--template NAME]

Needs docker with the templates' base image (tests/servers/images.sh python python:3.11-slim). Each pair is one run of ours
and one of theirs, in turn, so that what else the machine does falls on both; medians are compared.
"""
import argparse
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import tempfile
import time


def timed(command, **options):
    begun = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{command}: {done.returncode}\n{done.stderr.decode()}")
    return seconds


def pairs(ours, theirs, count):
    ours(), theirs()
    mine, other = [], []
    for _ in range(count):
        mine.append(ours())
        other.append(theirs())
    return statistics.median(mine), statistics.median(other)


def say(what, mine, other, limit=None):
    bound = f" (limit {limit})" if limit else ""
    print(f"{what}: {mine * 1000:.1f} ms against {other * 1000:.1f} ms, ratio {mine / other:.3f}{bound}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scaf", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--uv", default="uv")
    parser.add_argument("--template", default="minimal", help="of the experiment that is run")
    arguments = parser.parse_args()
    scaf = str(arguments.scaf.resolve())

    mine, other = pairs(lambda: timed([scaf, "--version"]), lambda: timed([arguments.uv, "--version"]), 10 * arguments.pairs)
    say("scaf --version / uv --version", mine, other, 1)

    with tempfile.TemporaryDirectory(prefix="scaf-bench-") as folder:
        def here(*words):
            return timed([scaf, *words], cwd=folder)

        here("init", "--name", "bench")
        here("new-exp", "digits", "--template", arguments.template)
        here("build-exp", "digits", "--engine", "docker")

        mine, other = pairs(lambda: here("build-exp", "digits", "--engine", "docker"), lambda: timed([scaf, "--version"]), arguments.pairs)
        print(f"build-exp with nothing changed: {(mine - other) * 1000:.1f} ms over `scaf --version` (limit 20)", flush=True)

        # The same flags by hand: those that scaf itself prints, on folders of their own.
        plan = subprocess.run(
            [scaf, "local", "digits", "--engine", "docker", "--dry-run", "--json"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
        )
        steps = json.loads(plan.stdout)["steps"]
        container = next(step["action"]["container"] for step in steps if step["action"]["do"] == "run_container")
        here("local", "digits", "--engine", "docker")
        scratch = pathlib.Path(folder, "by-hand")
        words = ["docker", "run", "--rm", "--init", "--user", container["user"], "--workdir", container["workdir"]]
        for name, value in container["env"].items():
            if isinstance(value, dict):
                words += ["--env", f"{name}={value['plain']}"]
        for mount in container["mounts"]:
            source = pathlib.Path(mount["source"])
            if "/runs/digits/" in str(source):
                source = scratch / source.name
            if not source.is_file():
                source.mkdir(parents=True, exist_ok=True)
            words += ["--mount", f"type=bind,source={source},target={mount['target']}"
                      + (",readonly" if mount["access"] == "read_only" else "")]
        words += ["--shm-size", str(container["shm_size"]), container["image"], *container["command"]]
        subprocess.run(["cp", "-r", f"{folder}/src/digits", f"{scratch}/mnt/digits"], check=True)
        for name in ("data", "models", "outputs"):
            pathlib.Path(scratch, "mnt", name).mkdir(parents=True, exist_ok=True)
        mine, other = pairs(lambda: here("local", "digits", "--engine", "docker"), lambda: timed(words), arguments.pairs)
        say("scaf local / docker run --rm --init", mine, other, 1.05)

        # The ancestor's `make local`: it builds each time, and mounts the source itself.
        ancestor = (
            f"docker build --quiet --tag scaf-bench-ancestor:latest {folder}/src/digits/environment >/dev/null && "
            + shlex.join(["docker", "run", "--rm", "--mount", f"type=bind,source={folder}/data,target=/mnt/data",
                          "--mount", f"type=bind,source={folder}/src/digits,target=/mnt/digits",
                          "--mount", f"type=bind,source={folder}/src/common,target=/mnt/common",
                          "--mount", f"type=bind,source={folder}/models,target=/mnt/models",
                          "--workdir", "/mnt", "scaf-bench-ancestor:latest", "python", "digits/local.py"])
        )
        mine, other = pairs(lambda: here("local", "digits", "--engine", "docker"), lambda: timed(["sh", "-c", ancestor]), max(10, arguments.pairs // 4))
        say("scaf local / the ancestor's make local", mine, other)
        subprocess.run(["docker", "image", "rm", "scaf-bench-ancestor:latest"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    os.environ.setdefault("DOCKER_BUILDKIT", "0")
    main()
