#!/usr/bin/env python3
"""peers.py DIR [--list LIST] [--truth FOLDER] [--python ENV] [--only NAME] [--peer PEER]: what peers say.

deptry, fawltydeps and pipreqs each run in each project that fetch.py has unpacked into DIR, and what they name is compared
as score.py does it. Nothing asks an index. `tests/servers/tools.sh install peers` installs them; the versions are printed.

None of them has optional or development groups, so every name counts as one of `third_party`, where those are no
mistake. The doubt is for the peer:

- deptry and fawltydeps name imports, not distributions (deptry is given an empty list of requirements, so that it tells
  every import). An import is every distribution that the answer has for it (the first part of a dotted name is enough),
  else the one of ENV that has it, else one of its own name. Imports that the answer calls unresolvable, or gives no
  public distribution for, are passed over. A folder `src` is a root beside the project's own.
- pipreqs names distributions, by its own table and what is installed in ENV. Its index is taken to have every name.
  Notebooks are scanned.

A peer that ends with an error has no answer for the project: it is counted as failed, and its P and R are those of the
other projects. The exit status says only whether all of them could be started.
"""
import argparse
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import score

HERE = pathlib.Path(__file__).resolve().parent
STATE = pathlib.Path(os.environ.get("SCAF_TEST_STATE", "/var/tmp/scaf-test"))
BIN = STATE / "peers/bin"
SECONDS = 300

# pipreqs looks for distributions on sys.path and asks its index for what is not there: the one becomes ENV's folder,
# or none, and the other a yes to everything.
PIPREQS = """
import sys
from pipreqs import pipreqs
folders, look = sys.argv[1:], pipreqs.get_locally_installed_packages
def installed(*words, **more):
    kept, sys.path = sys.path, folders
    try:
        return look(*words, **more)
    finally:
        sys.path = kept
pipreqs.get_locally_installed_packages = installed
pipreqs.get_imports_info = lambda names, **more: [{"name": name, "version": None} for name in names]
sys.argv = ["pipreqs", "--print", "--scan-notebooks", "."]
pipreqs.main()
"""


class Failed(Exception):
    """The peer has no answer."""


def run(folder, fine, *words):
    try:
        done = subprocess.run([str(w) for w in words], cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise Failed(f"no answer in {SECONDS} s") from None
    if done.returncode not in fine:
        raise Failed((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1][:200])
    return done.stdout


def roots(folder):
    return [".", "src"] if (folder / "src").is_dir() else ["."]


def deptry(folder, _):
    with tempfile.TemporaryDirectory() as scratch:
        nothing, told = pathlib.Path(scratch) / "pyproject.toml", pathlib.Path(scratch) / "told.json"
        nothing.touch()
        (nothing.parent / "requirements.txt").touch()
        words = ["--no-ansi", "--config", nothing, "-rf", nothing.parent / "requirements.txt", "-o", told]
        run(folder, (0, 1), BIN / "deptry", *roots(folder), *words)
        if not told.exists():
            raise Failed("no answer")
        return {entry["module"].partition(".")[0] for entry in json.loads(told.read_text())}


def fawltydeps(folder, _):
    out = run(folder, (0,), BIN / "fawltydeps", "--list-imports", "--json", "--code", *roots(folder))
    return {entry["name"].partition(".")[0] for entry in json.loads(out)["imports"]}


def pipreqs(folder, site):
    out = run(folder, (0,), BIN / "python", "-c", PIPREQS, *([site] if site else []))
    return {line.partition("==")[0].strip() for line in out.splitlines() if line.strip()}


PEERS = {"deptry": (deptry, True), "fawltydeps": (fawltydeps, True), "pipreqs": (pipreqs, False)}


def modules_of(site):
    """First part of a module's name -> distributions of the environment that have it."""
    found = {}
    for distribution in importlib.metadata.distributions(path=[str(site)]):
        for file in distribution.files or ():
            if file.suffix in (".py", ".so") and not file.parts[0].endswith(".dist-info"):
                found.setdefault(file.parts[0].partition(".")[0], set()).add(distribution.metadata["Name"])
    return found


def distributions(imports, truth, installed):
    known = {}
    for group in (truth["third_party"], truth["optional_imports"]):
        for name, modules in group.items():
            for module in modules:
                known.setdefault(module.partition(".")[0], set()).add(name)
    passed_over = set()
    for group in (truth["unresolvable"], truth["git"]):
        passed_over |= {name.partition(".")[0] for name in group}
    named = set()
    for module in imports:
        if module in known:
            named |= known[module]
        elif module not in passed_over:
            named |= installed.get(module, {module})
    return named


def versions():
    code = "import sys, importlib.metadata as m; print(*(f'{peer} {m.version(peer)}' for peer in sys.argv[1:]), sep=', ')"
    return subprocess.run([BIN / "python", "-c", code, *PEERS], capture_output=True, text=True, check=True).stdout.strip()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("dir", type=pathlib.Path)
    arguments.add_argument("--list", type=pathlib.Path, default=HERE / "development.toml")
    arguments.add_argument("--truth", type=pathlib.Path, help="default: a folder beside the list, named as it is")
    arguments.add_argument("--python", type=pathlib.Path, help="the environment whose distributions the answer is for")
    arguments.add_argument("--only", action="append", default=[], metavar="NAME")
    arguments.add_argument("--peer", action="append", default=[], choices=PEERS)
    asked = arguments.parse_args()
    peers = {peer: how for peer, how in PEERS.items() if peer in asked.peer or not asked.peer}
    if not (BIN / "deptry").exists():
        sys.exit(f"peers.py: no peers in {BIN}: tests/servers/tools.sh install peers")
    site = next(asked.python.absolute().glob("lib/python*/site-packages")) if asked.python else None
    installed = modules_of(site) if site else {}
    print(versions())
    truths = asked.truth or asked.list.with_suffix("")
    totals = {peer: dict.fromkeys(("ran", "failed", "exact", "named", "right", "needed", "found"), 0) for peer in peers}
    for project in tomllib.loads(asked.list.read_text())["project"]:
        name, folder = project["name"], asked.dir / project["name"]
        if asked.only and name not in asked.only:
            continue
        if not folder.is_dir():
            sys.exit(f"peers.py: {name} is not downloaded: run fetch.py")
        truth = json.loads((truths / f"{name}.json").read_text())
        print(name, flush=True)
        for peer, (answer_of, imports) in peers.items():
            total = totals[peer]
            try:
                named = answer_of(folder, site)
            except (Failed, ValueError, KeyError) as error:
                total["failed"] += 1
                print(f"  {peer}: failed: {error}")
                continue
            result = score.compared({"third_party": distributions(named, truth, installed) if imports else named}, truth)
            exact = result["right"] == result["named"] and result["found"] == result["needed"]
            total["ran"] += 1
            total["exact"] += exact
            for key in ("named", "right", "needed", "found"):
                total[key] += result[key]
            precision, recall = (score.share(result[a], result[b]) for a, b in (("right", "named"), ("found", "needed")))
            print(f"  {peer:<10} P {precision:.3f}  R {recall:.3f}{'  exact' if exact else ''}")
            for key in ("wrong", "missing"):
                if result[key]:
                    print(f"    {key}: {' '.join(result[key])}")
    print()
    for peer, total in totals.items():
        print(
            f"{peer}: {total['ran']} projects, {total['failed']} failed, {total['exact']} exact,"
            f" P {score.share(total['right'], total['named']):.4f} ({total['right']} of {total['named']}),"
            f" R {score.share(total['found'], total['needed']):.4f} ({total['found']} of {total['needed']})"
        )


if __name__ == "__main__":
    main()
