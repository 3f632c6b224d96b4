#!/usr/bin/env python3
"""judge.py SCAF DIR WORK [NAME...]: is what `env lock` says of real code enough to run it?

For each project that fetch.py has unpacked into DIR: its files become an experiment of a scratch project, `SCAF env lock
--require-hashes` locks it, uv installs the lock with --require-hashes into an empty virtual environment, and in a Python
of its own each of these is imported there: the modules that `SCAF env detect` found (without those that notebooks alone
import), and the names that the project's checked answer has. Distributions that only a call needs must be there.

What fails has its reason in judge.toml, or the judge says so and ends with 1; so does a reason for something that
works. Answers are kept as WORK/results/NAME.json; the environments are deleted one by one, and what uv has fetched (in
WORK/cache) when less than 12 GiB are free. --again judges what has an
answer there, too. --installed DIR locks from that Python's distributions (environment.py makes one) instead of from none.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
STATE = pathlib.Path(os.environ.get("SCAF_TEST_STATE", "/var/tmp/scaf-test"))
# For one import: of a cold disk some take a minute.
SECONDS = 300
# For what talks to an index.
LONGER = 3600
FREE = 12 << 30
TABLE = "| project | packages | modules | names of the answer | seconds | what fails, and why |\n| --- | --: | --: | --: | --: | --- |"

IMPORT = """
import importlib, sys
try:
    importlib.import_module(sys.argv[1])
except BaseException as error:
    lines = str(error).strip().splitlines() or [""]
    print(f"{type(error).__name__}: {lines[0]}"[:400], file=sys.__stdout__)
    sys.__stdout__.flush()
    import os
    os._exit(1)
sys.stdout.flush()
import os
# Threads of a library are no matter of its import.
os._exit(0)
"""


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def settings():
    """No more of this machine than it takes to ask its index."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCAF_", "XDG_", "PYTHON"))}
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        kept.pop(name, None)
    kept["PATH"] = f"{STATE / 'bin'}:{kept['PATH']}"
    return kept | {"NO_COLOR": "1", "UV_LINK_MODE": kept.get("UV_LINK_MODE", "hardlink")}


def said(*words, folder, seconds=LONGER, environment=None):
    begin = time.monotonic()
    try:
        done = subprocess.run(
            [str(word) for word in words], cwd=folder, env=environment or settings(), capture_output=True, text=True,
            timeout=seconds, stdin=subprocess.DEVNULL,
        )
        status, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        status, out, err = 124, "", f"no answer in {seconds} s"
    return status, out, err, round(time.monotonic() - begin, 1)


def empty_environment(folder):
    if not (folder / "bin/python").exists():
        status, _, err, _ = said("uv", "venv", "-q", "--no-project", "--no-python-downloads", "--python", "3.11", folder, folder="/")
        if status:
            sys.exit(f"error: no virtual environment of CPython 3.11: {err}")
    return folder


def stage(scaf, code, folder, waived, lines):
    """A project with the code as its one experiment."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    status, _, err, _ = said(scaf, "init", folder, folder="/")
    if status:
        sys.exit(f"error: scaf init: {err}")
    experiment = folder / "src/judged"
    shutil.copytree(code, experiment, symlinks=True)
    (experiment / "environment").mkdir(exist_ok=True)
    if lines:
        (experiment / "environment/requirements.txt").write_text("".join(f"{line}\n" for line in lines))
    if waived:
        with open(folder / "scaf.toml", "a", encoding="utf-8") as file:
            file.write(f"\n[env]\nwaive = {json.dumps(sorted(waived))}\n")
    return experiment


def modules_of(answer, waived):
    """Dotted name -> its distribution; distributions that nothing imports."""
    modules, silent = {}, set()
    alone = set(answer.get("notebook_only", []))
    for group in ("third_party", "implied"):
        for name, entry in answer.get(group, {}).items():
            if name in alone or name in waived or normalised(entry["name"]) in waived:
                continue
            places = [place for place in entry["where"] if place["role"] == "code"]
            hard = {place["what"] for place in places if place["kind"] in ("top", "function", "by_name", "program")}
            # The way out where what is tried is not there: needed where that is another distribution's.
            hard = hard or {place["what"] for place in places if place["kind"] == "fallback"}
            own = [module for module in entry["imports"] if group == "implied" or module in hard]
            modules.update({module: name for module in own})
            if group == "implied" and not own:
                silent.add(name)
    return modules, silent


def imported(python, module, folder):
    """None, or in one line why not."""
    environment = settings() | {"HOME": str(folder), "MPLBACKEND": "agg", "CUDA_VISIBLE_DEVICES": ""}
    status, out, err, _ = said(python, "-I", "-c", IMPORT, module, folder=folder, seconds=SECONDS, environment=environment)
    if status == 0:
        return None
    lines = out.strip().splitlines() or err.strip().splitlines()
    return (lines[-1] if lines else f"status {status}").strip()


def judged(name, asked, plan, empty):
    """One project's answer."""
    scaf, work = asked.scaf, asked.work
    waived = {normalised(waived) for waived in plan.get("waive", {})}
    experiment = stage(scaf, asked.dir / name, work / "project", waived, list(plan.get("lines", {})))
    interpreter = asked.installed or empty
    answer = {"project": name, "installed": bool(asked.installed)}
    words = [scaf, "env", "lock", "judged", "--require-hashes", "--python", interpreter, *plan.get("arguments", [])]
    status, _, err, answer["lock_seconds"] = said(*words, folder=work / "project")
    answer["talk"] = err[-6000:]
    if status:
        told = [line for line in err.splitlines() if line.startswith(("error:", "hint:"))]
        return answer | {"failed": "lock", "message": " | ".join(told)}
    lock = experiment / "environment/requirements.lock"
    text = lock.read_text()
    answer["packages"] = len(re.findall(r"(?m)^[A-Za-z0-9]", text))
    before = text
    status, _, err, _ = said(*words, folder=work / "project")
    if status or lock.read_text() != before:
        return answer | {"failed": "second lock", "message": err.strip()[-2000:]}
    fresh = work / "environment"
    shutil.rmtree(fresh, ignore_errors=True)
    empty_environment(fresh)
    install = ["uv", "pip", "install", "-q", "--require-hashes", "--python", fresh / "bin/python", "-r", lock]
    status, _, err, answer["install_seconds"] = said(*install, folder=work)
    if status:
        return answer | {"failed": "install", "message": f"status {status}: {err.strip()[-2000:]}"}
    status, out, err, _ = said(scaf, "env", "detect", "judged", "--json", "--python", interpreter, folder=work / "project")
    if status:
        return answer | {"failed": "detect", "message": err.strip()[-2000:]}
    modules, silent = modules_of(json.loads(out), waived)
    truth = json.loads((HERE / "development" / f"{name}.json").read_text())
    names = {}
    for distribution, imports in truth["third_party"].items():
        if distribution not in truth["notebook_only"] and distribution not in waived and distribution not in truth["git"]:
            names.update({module: distribution for module in imports})
    scratch = work / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    begin = time.monotonic()
    failing = {}
    for module in sorted({*modules, *names}):
        why = imported(fresh / "bin/python", module, scratch)
        if why:
            failing[module] = why
    have = {normalised(found.name.split("-")[0]) for found in (fresh / "lib").rglob("*.dist-info")}
    failing.update({name: "not installed" for name in sorted(silent - have)})
    answer["import_seconds"] = round(time.monotonic() - begin, 1)
    return answer | {"modules": len(modules) + len(silent), "names": len(names), "failing": failing}


def verdict(answer, plan):
    """What nobody has given a reason for, and reasons that are for nothing."""
    reasons = plan.get("fails", {})
    if "failed" in answer:
        return [f"{answer['failed']}: {answer['message']}"]
    wrong = [f"{module}: {why}" for module, why in answer["failing"].items() if module not in reasons]
    return wrong + [f"{module}: it works, and judge.toml says why not" for module in sorted(reasons) if module not in answer["failing"]]


def row(answer, plan):
    reasons = [f"`{name}` left out: {why}" for name, why in plan.get("waive", {}).items()]
    reasons += [f"`{line}` added: {why}" for line, why in plan.get("lines", {}).items()]
    reasons += [f"`{module}`: {why}" for module, why in plan.get("fails", {}).items()]
    if "failed" in answer:
        return f"| {answer['project']} | | | | | {answer['failed']} fails |"
    open_ones = [f"`{module}`: **{why}**" for module, why in answer["failing"].items() if module not in plan.get("fails", {})]
    seconds = answer["lock_seconds"] + answer["install_seconds"] + answer["import_seconds"]
    return (
        f"| {answer['project']} | {answer['packages']} | {answer['modules']} | {answer['names']} | {seconds:.0f} |"
        f" {'; '.join(reasons + open_ones)} |"
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("scaf", type=pathlib.Path)
    arguments.add_argument("dir", type=pathlib.Path)
    arguments.add_argument("work", type=pathlib.Path)
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--list", type=pathlib.Path, default=HERE / "development.toml")
    arguments.add_argument("--installed", type=pathlib.Path)
    arguments.add_argument("--again", action="store_true")
    asked = arguments.parse_intermixed_args()
    asked.scaf, asked.dir, asked.work = asked.scaf.resolve(), asked.dir.resolve(), asked.work.resolve()
    asked.installed = asked.installed and asked.installed.absolute()
    projects = [project["name"] for project in tomllib.loads(asked.list.read_text())["project"]]
    if unknown := set(asked.names) - set(projects):
        sys.exit(f"error: not in {asked.list}: {', '.join(sorted(unknown))}")
    os.environ["UV_CACHE_DIR"] = str(asked.work / "cache")
    plans = tomllib.loads((HERE / "judge.toml").read_text())
    results = asked.work / ("results-installed" if asked.installed else "results")
    results.mkdir(parents=True, exist_ok=True)
    empty = empty_environment(asked.work / "empty")
    wrong, rows = {}, []
    for name in projects:
        if asked.names and name not in asked.names:
            continue
        plan, kept = plans.get(name, {}), results / f"{name}.json"
        if asked.again or not kept.exists():
            if shutil.disk_usage(asked.work).free < FREE:
                shutil.rmtree(asked.work / "cache", ignore_errors=True)
            answer = judged(name, asked, plan, empty)
            kept.write_text(json.dumps(answer, indent=1) + "\n")
            shutil.rmtree(asked.work / "environment", ignore_errors=True)
        answer = json.loads(kept.read_text())
        if found := verdict(answer, plan):
            wrong[name] = found
        print(f"{name}: {'; '.join(found) if found else 'good'}", file=sys.stderr, flush=True)
        rows.append(row(answer, plan))
    print(TABLE, *rows, sep="\n")
    print(f"\n{len(rows)} projects, {len(rows) - len(wrong)} good")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
