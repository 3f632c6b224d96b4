#!/usr/bin/env python3
"""An image of what some code imports, built from nothing, then again with one small import more; both as `scaf env lock` pins it.
Prints the ratio.

usage: benches/one_package_more.py SCAF [--imports torch,…] [--more tabulate]

Needs docker with the templates' base image (tests/servers/images.sh python python:3.11-slim), uv, a package index, and for torch
some 20 GB of room, since it brings CUDA. The first build is from nothing as far as the layers go, whatever was built here
before; what the cache mount holds from an earlier measurement makes it faster, and so the ratio dearer.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time


def lock(scaf, folder, modules):
    code = "".join(f"import {module}\n" for module in modules)
    pathlib.Path(folder, "src/net/train.py").write_text(code)
    subprocess.run([scaf, "-C", folder, "env", "lock", "net", "--no-python"], check=True)


def build(scaf, folder):
    begun = time.perf_counter()
    subprocess.run([scaf, "-C", folder, "build-exp", "net", "--engine", "docker"], check=True)
    return time.perf_counter() - begun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scaf", type=pathlib.Path)
    parser.add_argument("--imports", default="torch")
    parser.add_argument("--more", default="tabulate")
    arguments = parser.parse_args()
    scaf = str(arguments.scaf.resolve())
    modules = arguments.imports.split(",")
    with tempfile.TemporaryDirectory(prefix="scaf-bench-") as folder:
        subprocess.run([scaf, "init", folder, "--name", "bench-more"], check=True)
        subprocess.run([scaf, "-C", folder, "new-exp", "net", "--template", "minimal"], check=True)
        environment = pathlib.Path(folder, "src/net/environment")
        dockerfile = environment / "Dockerfile"
        # A value of this moment in the stage that installs: none of its layers can be there already.
        text = dockerfile.read_text().replace("ENV PYTHONUNBUFFERED=1", f"ENV MEASURED={time.time_ns()} PYTHONUNBUFFERED=1")
        assert "MEASURED" in text, "the template's Dockerfile has changed; this measurement must follow"
        dockerfile.write_text(text)
        # Nothing else of the template imports anything.
        subprocess.run(["rm", "-r", f"{folder}/src/net/tests", f"{folder}/src/net/local.py"], check=True)
        lock(scaf, folder, modules)
        full = build(scaf, folder)
        lock(scaf, folder, [*modules, arguments.more])
        more = build(scaf, folder)
        # They are not the same image under two names.
        prove = [scaf, "-C", folder, "env", "prove", "net", "--engine", "docker", "--no-python", "--json"]
        proof = json.loads(subprocess.run(prove, check=True, stdout=subprocess.PIPE).stdout)
        imported = {module["module"] for module in proof["proof"]["modules"]}
        assert imported == {*modules, arguments.more}, imported
    print(f"one small package more: {more:.1f} s against {full:.1f} s for the whole, ratio {more / full:.3f} (limit 0.15)")


if __name__ == "__main__":
    main()
