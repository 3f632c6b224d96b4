"""Imports each of the modules that it is given in an interpreter of its own, several side by side, compiles the experiment's own
files without running them, and writes what came of it to outputs/proof.json. Runs on Python 3.8 and later, with nothing installed."""

import concurrent.futures
import json
import os
import subprocess
import sys
import time

ONE = """
import importlib, json, sys
name = sys.argv[1]
def load():
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        above, _, last = name.rpartition(".")
        if not above or error.name != name:
            raise
        # A class path names something in a module.
        if not hasattr(importlib.import_module(above), last):
            raise
try:
    load()
except BaseException as error:
    found = {"type": type(error).__name__, "message": str(error)[:2000], "missing": getattr(error, "name", None)}
    sys.stdout.write("\\n" + json.dumps(found))
    sys.exit(3)
"""


def imported(module, limit):
    began = time.monotonic()
    error = None
    try:
        # -I: what the experiment has of that name is not meant.
        done = subprocess.run(
            [sys.executable, "-I", "-c", ONE, module],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=limit,
            cwd="/",
        )
        if done.returncode == 3:
            error = json.loads(done.stdout.decode("utf-8", "replace").rsplit("\n", 1)[-1])
        elif done.returncode < 0:
            error = {"type": "signal", "message": "ended by signal %d" % -done.returncode, "missing": None}
        elif done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            error = {"type": "exit", "message": " ".join(said) or "status %d" % done.returncode, "missing": None}
    except subprocess.TimeoutExpired:
        error = {"type": "timeout", "message": "not imported within %d s" % limit, "missing": None}
    return {"module": module, "seconds": round(time.monotonic() - began, 3), "error": error}


def present(distribution):
    try:
        from importlib import metadata

        metadata.version(distribution)
        return {"distribution": distribution, "error": None}
    except Exception:
        return {"distribution": distribution, "error": {"type": "absent", "message": "", "missing": distribution}}


def compiled(folder):
    wrong = []
    number = 0
    for above, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for name in sorted(files):
            if not name.endswith(".py"):
                continue
            path = os.path.join(above, name)
            number += 1
            try:
                with open(path, "rb") as file:
                    compile(file.read(), path, "exec", dont_inherit=True)
            except (SyntaxError, ValueError) as error:
                line = getattr(error, "lineno", None)
                shown = os.path.relpath(path, folder)
                wrong.append({"file": shown, "line": line, "message": getattr(error, "msg", str(error))})
    return number, wrong


def main():
    asked = json.loads(sys.argv[1])
    folder = os.path.join(os.getcwd(), os.environ["SCAF_EXPERIMENT"])
    side_by_side = max(1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2, 8))
    with concurrent.futures.ThreadPoolExecutor(side_by_side) as pool:
        modules = list(pool.map(lambda module: imported(module, asked["seconds"]), asked["modules"]))
    number, wrong = compiled(folder)
    proof = {
        "python": sys.version.split()[0],
        "modules": modules,
        "distributions": [present(name) for name in asked["distributions"]],
        "files": number,
        "syntax": wrong,
    }
    with open(os.path.join(os.environ["SCAF_OUTPUT_DIR"], "proof.json"), "w") as file:
        json.dump(proof, file, indent=1)
    failed = wrong or any(one["error"] for one in proof["modules"] + proof["distributions"])
    sys.exit(1 if failed else 0)


main()
