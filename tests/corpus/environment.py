#!/usr/bin/env python3
"""environment.py DIR [--list LIST] [--truth FOLDER] [--pins FILE] [--write-pins]: the corpus's distributions, installed.

Makes DIR a virtual environment of CPython 3.11 with every distribution that the projects' answers name under
`third_party`, `optional`, `implied` and `dev`, for `score.py --python DIR`. They are installed without what they need
themselves and from wheels only, by uv, so no code of theirs runs and most of it can not run afterwards either: detection
reads, it imports nothing. Where two give the same module (opencv-python and opencv-python-headless), the one named
first is taken. What cannot be had is listed with uv's reason; the exit status says only whether DIR was made.

Versions are those of the pins file (default: beside the list, NAME.pins.txt), then those of tests/environments, so that
large wheels are on the disk once; --write-pins writes down what came of it.
"""
import argparse
import importlib.metadata
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib

import fetch
import score

HERE = pathlib.Path(__file__).resolve().parent
GROUPS = ("third_party", "optional", "implied", "dev")
STATE = pathlib.Path(os.environ.get("SCAF_TEST_STATE", "/var/tmp/scaf-test"))
SECONDS = 1800


def wanted(listed, truths):
    """Distribution -> its import names, as the answers have them, in the order of the projects."""
    names = {}
    for project in tomllib.loads(listed.read_text())["project"]:
        file = truths / f"{project['name']}.json"
        if not file.exists():
            continue
        truth = json.loads(file.read_text())
        for group in GROUPS:
            members = truth.get(group) or {}
            imports = members if isinstance(members, dict) else truth.get(f"{group}_imports") or {}
            for name in members:
                if name not in truth["git"]:
                    names.setdefault(fetch.normalised(name), set()).update(imports.get(name, ()))
    return names


def without_rivals(names):
    """Those that do not give a module which one before them gives, and the others with the one before."""
    kept, left_out = [], {}
    for name, imports in names.items():
        rivals = [other for other in kept if score.ONE_NAME.get(other, other) == score.ONE_NAME.get(name, name)]
        # Without import names nothing tells them apart.
        rivals = [other for other in rivals if not imports or not names[other] or imports & names[other]]
        if rivals:
            left_out[name] = f"{rivals[0]} gives the same modules"
        else:
            kept.append(name)
    return kept, left_out


class Uv:
    def __init__(self, folder, constraints):
        own = STATE / "bin/uv"
        self.program = str(own) if own.exists() else shutil.which("uv")
        if not self.program:
            sys.exit("environment.py: no uv: tests/servers/tools.sh install uv")
        self.folder = folder
        self.constraints = constraints
        self.variables = dict(os.environ)
        # uv reads none of pip's configuration.
        if "UV_DEFAULT_INDEX" not in os.environ:
            self.variables["UV_DEFAULT_INDEX"] = fetch.index_url()
        if authorities := os.environ.get("PIP_CERT"):
            self.variables.setdefault("SSL_CERT_FILE", authorities)
        self.variables.setdefault("UV_LINK_MODE", "hardlink")
        self.variables.setdefault("UV_HTTP_TIMEOUT", "180")

    def __call__(self, *words, text=None):
        return subprocess.run(
            [self.program, *words], env=self.variables, input=text, capture_output=True, text=True, timeout=SECONDS
        )

    def make(self):
        # One that is not there, or not of this Python, is made anew; what is in another stays as long as it is asked for.
        if not (self.folder / "bin/python").exists():
            done = self("venv", "-q", "--no-project", "--no-python-downloads", "--python", "3.11", str(self.folder))
            if done.returncode:
                sys.exit(f"environment.py: {done.stderr.strip()}")

    def resolved(self, names):
        """The pins of these names and nothing else, or why not."""
        words = ["pip", "compile", "-q", "--no-header", "--no-annotate", "--no-deps", "--only-binary", ":all:"]
        words += ["--python", str(self.folder / "bin/python")]
        for file in self.constraints:
            words += ["--constraint", str(file)]
        done = self(*words, "-", text="\n".join(names))
        pins = [line for line in done.stdout.splitlines() if "==" in line]
        return (pins, None) if done.returncode == 0 else ([], done.stderr)

    def obtainable(self, names):
        """Pins of all that can be had, and the others with the reason: halves of what cannot be had together are tried."""
        pins, error = self.resolved(names)
        if error is None:
            return pins, {}
        if len(names) == 1:
            words = " ".join(error.split()).partition("Because ")
            return [], {names[0]: words[2].partition(", we can conclude")[0] or words[0]}
        half = len(names) // 2
        pins, refused = self.obtainable(names[:half])
        more, others = self.obtainable(names[half:])
        return pins + more, refused | others

    def install(self, pins):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(pins) + "\n")
            file.flush()
            # `sync` also takes away what an earlier run installed and nobody names any more.
            return self(
                "pip", "sync", "-q", "--only-binary", ":all:", "--python", str(self.folder / "bin/python"), file.name
            )


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("dir", type=pathlib.Path)
    arguments.add_argument("--list", type=pathlib.Path, default=HERE / "development.toml")
    arguments.add_argument("--truth", type=pathlib.Path, help="default: a folder beside the list, named as it is")
    arguments.add_argument("--pins", type=pathlib.Path, help="default: beside the list, NAME.pins.txt")
    arguments.add_argument("--write-pins", action="store_true")
    asked = arguments.parse_args()
    pins_file = asked.pins or asked.list.with_suffix(".pins.txt")
    names, left_out = without_rivals(wanted(asked.list, asked.truth or asked.list.with_suffix("")))
    known = read_pins(pins_file)
    with tempfile.TemporaryDirectory() as scratch:
        # The pins file wins over tests/environments: what it has is not asked of the others.
        constraints = known.copy()
        for file in sorted(HERE.parent.glob("environments/*.txt")):
            for name, version in read_pins(file).items():
                constraints.setdefault(name, version)
        file = pathlib.Path(scratch) / "constraints.txt"
        file.write_text("".join(f"{name}=={version}\n" for name, version in constraints.items() if name in names))
        uv = Uv(asked.dir.absolute(), [file])
        uv.make()
        pins, refused = uv.obtainable(names)
    done = uv.install(pins)
    if done.returncode:
        sys.exit(f"environment.py: {done.stderr.strip()}")
    for name, reason in sorted((left_out | refused).items()):
        print(f"{name}: {reason}")
    installed = len(list(importlib.metadata.distributions(path=[str(next(uv.folder.glob("lib/python*/site-packages")))])))
    print(f"{len(pins)} of {len(names) + len(left_out)} named distributions, {installed} installed in {asked.dir}")
    if asked.write_pins:
        pins_file.write_text("".join(f"{line}\n" for line in sorted(pins)))


def read_pins(file):
    pins = {}
    if file.exists():
        for line in file.read_text().splitlines():
            name, equals, version = line.partition("==")
            if equals:
                pins[fetch.normalised(name.strip())] = version.strip()
    return pins


if __name__ == "__main__":
    main()
