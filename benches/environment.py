#!/usr/bin/env python3
"""`scaf env detect` against the least that has to be read for its answer (benches/floor.rs), interleaved; prints the ratio
of (env detect - scaf --version) to (floor - an empty program), and the most memory that a detection held.

usage: benches/environment.py SCAF --python ENVIRONMENT [--script main.py] [--rounds N] [--drop-caches]

ENVIRONMENT is a virtual environment in which the script's imports are installed. Without --script it is the four imports
of the case that the limits are for: torch, catboost, pandas, numpy.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

EMPTY = "fn main() {}\n"
SCRIPT = "import torch, catboost, pandas, numpy\n"


def timed(command, folder):
    """Seconds, and the most memory in KiB."""
    begun = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command}: {child.returncode}\n{said.decode()}")
    return seconds, usage.ru_maxrss


def compiled(folder, name, source):
    path = folder / name
    subprocess.run(["rustc", "--edition", "2024", "-O", "-o", path, source], check=True)
    return path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scaf", type=pathlib.Path)
    parser.add_argument("--python", type=pathlib.Path, required=True)
    parser.add_argument("--script", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--drop-caches", action="store_true", help="before each deed; needs root")
    arguments = parser.parse_args()
    scaf, environment = arguments.scaf.resolve(), arguments.python.resolve()
    site = next(environment.glob("lib/python*/site-packages"))
    here = pathlib.Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory(prefix="scaf-bench-") as folder:
        folder = pathlib.Path(folder)
        empty_source = folder / "empty.rs"
        empty_source.write_text(EMPTY)
        empty, floor = compiled(folder, "empty", empty_source), compiled(folder, "floor", here / "floor.rs")
        code = folder / "code"
        code.mkdir()
        script = code / "main.py"
        script.write_text(arguments.script.read_text() if arguments.script else SCRIPT)
        deeds = {
            "empty program": [empty],
            "floor": [floor, site, script],
            "scaf --version": [scaf, "--version"],
            "env detect": [scaf, "env", "detect", script, "--python", environment, "--json"],
        }
        took = {name: [] for name in deeds}
        memory = 0
        for number in range(arguments.rounds + 1):
            order = list(deeds.items())
            for name, command in order if number % 2 else reversed(order):
                if arguments.drop_caches:
                    os.sync()
                    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
                seconds, most = timed(command, code)
                # The first round warms what is to be warm.
                if number:
                    took[name].append(seconds)
                    memory = max(memory, most) if name == "env detect" else memory
    median = {name: statistics.median(all_) for name, all_ in took.items()}
    for name, seconds in median.items():
        print(f"{name}: {seconds * 1e3:.2f} ms")
    ratio = (median["env detect"] - median["scaf --version"]) / (median["floor"] - median["empty program"])
    print(f"(env detect - --version) / (floor - empty): {ratio:.2f} (to be at most 2)")
    print(f"env detect holds at most {memory / 1024:.1f} MiB (to be at most 25 MB)")


if __name__ == "__main__":
    main()
