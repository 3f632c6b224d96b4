#!/usr/bin/env python3
"""A PyTorch experiment's image built from nothing, then again with one small package more; prints the ratio.

usage: benches/one_package_more.py SCAF [--package NAME==VERSION]

Needs docker with the templates' base image (tests/servers/images.sh python python:3.11-slim), a package index, and some
20 GB of room: this torch brings CUDA. The first build is from nothing as far as the layers go, whatever was built here
before; what the cache mount holds from an earlier measurement makes it faster, and so the ratio dearer.
"""
import argparse
import pathlib
import subprocess
import tempfile
import time


def build(scaf, folder):
    begun = time.perf_counter()
    subprocess.run([scaf, "-C", folder, "build-exp", "net", "--engine", "docker"], check=True)
    return time.perf_counter() - begun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scaf", type=pathlib.Path)
    parser.add_argument("--package", default="tabulate==0.9.0")
    arguments = parser.parse_args()
    scaf = str(arguments.scaf.resolve())
    with tempfile.TemporaryDirectory(prefix="scaf-bench-") as folder:
        subprocess.run([scaf, "init", folder, "--name", "bench-torch"], check=True)
        subprocess.run([scaf, "-C", folder, "new-exp", "net", "--template", "pytorch"], check=True)
        environment = pathlib.Path(folder, "src/net/environment")
        dockerfile = environment / "Dockerfile"
        # A value of this moment in the stage that installs: none of its layers can be there already.
        text = dockerfile.read_text().replace("ENV PYTHONUNBUFFERED=1", f"ENV MEASURED={time.time_ns()} PYTHONUNBUFFERED=1")
        assert "MEASURED" in text, "the template's Dockerfile has changed; this measurement must follow"
        dockerfile.write_text(text)
        full = build(scaf, folder)
        with (environment / "requirements.txt").open("a") as requirements:
            requirements.write(f"{arguments.package}  # for the measurement\n")
        more = build(scaf, folder)
    print(f"one small package more: {more:.1f} s against {full:.1f} s for the whole, ratio {more / full:.3f} (limit 0.15)")


if __name__ == "__main__":
    main()
