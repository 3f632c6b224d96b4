"""Imports each of the modules that it is asked for in an interpreter of its own, several side by side; compiles the experiment's own
files without running them; writes what came of it to outputs/proof.json, and what went wrong to standard output, line by line.

usage: python -I prove.py ASKED.json    Python 3.6 or later, with nothing installed.
"""

import concurrent.futures
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings

# What the interpreter of one module runs. Whatever that module does to standard output, the answer has a pipe of its own; and
# it is over with the answer: threads that the module has started, and what it does at exit, are not waited for.
ONE = """
import importlib, json, os, sys
name, pipe = sys.argv[1], int(sys.argv[2])
sys.argv[1:] = []
os.set_inheritable(pipe, False)
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
answer = {}
try:
    load()
except BaseException as error:
    kind, message, missing = type(error).__name__, str(error), getattr(error, "name", None)
    if isinstance(error, SystemExit):
        kind, message = "exit", "the import calls sys.exit(%s)" % error.code
    answer = {"type": kind, "message": message[:4000], "missing": missing if isinstance(missing, str) else None}
os.write(pipe, (json.dumps(answer) + "\\n").encode())
os._exit(0)
"""

# Of what an interpreter says, so many bytes at its end are kept.
KEPT = 65536
lock = threading.Lock()
living = set()


def start(module):
    answer, pipe = os.pipe()
    with lock:
        # -I: what the experiment has of that name is not meant. A session of its own, so that it can be ended with all that it starts.
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", ONE, module, str(pipe)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(pipe,),
            start_new_session=True,
            cwd="/",
        )
        living.add(child.pid)
    os.close(pipe)
    return child, answer


def end(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except OSError:
        pass
    child.wait()
    with lock:
        living.discard(child.pid)


def heard(child, answer, limit):
    """Its answer, None where it gave none, and the end of what it said; ended it is in any case."""
    said, told, gone, until = b"", b"", False, time.monotonic() + limit
    streams = [answer, child.stdout.fileno()]
    while b"\n" not in told and time.monotonic() < until:
        # Whoever inherited the pipe may keep it open when the interpreter is gone.
        gone = child.poll() is not None
        wait = 0 if gone else min(0.2, max(0, until - time.monotonic()))
        ready = select.select(streams, [], [], wait)[0]
        for stream in ready:
            part = os.read(stream, KEPT)
            if not part:
                streams.remove(stream)
            elif stream == answer:
                told += part
            else:
                said = (said + part)[-KEPT:]
        if not streams or gone and not ready:
            break
    late = not gone and time.monotonic() >= until
    end(child)
    child.stdout.close()
    os.close(answer)
    return (json.loads(told.decode()) if b"\n" in told else None), said.decode("utf-8", "replace"), late


def imported(asked, limit):
    began = time.monotonic()
    child, pipe = start(asked["module"])
    answer, said, late = heard(child, pipe, limit)
    seconds = time.monotonic() - began
    if answer is None and late:
        answer = {"type": "timeout", "message": "not imported within %d s" % limit, "missing": None}
    elif answer is None and child.returncode < 0:
        answer = {"type": "signal", "message": ended_by(-child.returncode), "missing": None}
    elif answer is None:
        last = " ".join(said.strip().splitlines()[-1:])
        message = "the import ends Python with status %d" % child.returncode + (": " + last if last else "")
        answer = {"type": "exit", "message": message, "missing": None}
    version = version_of(asked["distribution"])
    absent = False
    if asked["optional"] and answer.get("type") == "ModuleNotFoundError" and is_part(answer["missing"], asked["module"]):
        answer, absent = {}, True
    if answer.get("missing"):
        answer["named"] = is_named(answer["missing"])
    return {
        "module": asked["module"],
        "seconds": round(seconds, 1),
        "version": version,
        "absent": absent,
        "error": answer or None,
    }


def is_part(name, module):
    return name is not None and (module + ".").startswith(name + ".")


def ended_by(number):
    try:
        return "ended by signal %d (%s)" % (number, signal.Signals(number).name)
    except ValueError:
        return "ended by signal %d" % number


KILLED = ended_by(signal.SIGKILL)


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions():
    """Those of the image, by their normalised names: version, and the names that they require."""
    found = {}
    try:
        from importlib import metadata
    except ImportError:
        try:
            import pkg_resources
        except ImportError:
            return None
        for one in pkg_resources.working_set:
            found.setdefault(normalised(one.project_name), (one.version, [str(line) for line in one.requires()]))
        return found
    for one in metadata.distributions():
        try:
            name = one.metadata["Name"]
            if name:
                found.setdefault(normalised(name), (one.version, one.requires or []))
        except Exception:
            # One broken distribution says nothing of the others.
            continue
    return found


def version_of(distribution):
    if THERE is None or distribution is None:
        return None
    return THERE.get(normalised(distribution), (None, None))[0]


def is_named(module):
    """Whether a distribution of the image requires, perhaps as an extra, one that is called like the module."""
    wanted = normalised(module.split(".")[0])
    lines = (line for _, lines in (THERE or {}).values() for line in lines)
    return any(normalised(re.match(r"[\w.-]*", line.strip()).group()) == wanted for line in lines)


def present(asked):
    name = asked["distribution"]
    if THERE is None or normalised(name) in THERE:
        return {"distribution": name, "error": None}
    return {"distribution": name, "error": {"type": "absent", "message": "", "missing": name}}


def compiled(folder):
    wrong = []
    number = 0
    warnings.simplefilter("ignore")
    for above, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for name in sorted(files):
            path = os.path.join(above, name)
            if not name.endswith(".py") or not os.path.isfile(path):
                continue
            number += 1
            try:
                with open(path, "rb") as file:
                    compile(file.read(), path, "exec", dont_inherit=True)
            except (SyntaxError, ValueError, OSError, RecursionError, MemoryError, OverflowError) as error:
                message = getattr(error, "msg", None) or str(error) or type(error).__name__
                line = getattr(error, "lineno", None)
                wrong.append({"file": os.path.relpath(path, folder), "line": line, "message": message})
    return number, wrong


def system():
    """The distribution that the image is made of, and what installs packages in it."""
    said = {}
    try:
        with open("/etc/os-release") as file:
            for line in file:
                key, _, value = line.strip().partition("=")
                said[key] = value.strip("\"'")
    except (OSError, UnicodeError):
        pass
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
    managers = ("apt-get", "apk", "dnf", "microdnf", "yum", "zypper")
    manager = next((name for name in managers if shutil.which(name, path=path)), None)
    return {"id": said.get("ID", ""), "version": said.get("VERSION_ID", ""), "manager": manager}


def table(asked, proof):
    """What went wrong: where, what, how."""
    rows = [("where", "what", "what went wrong")]
    for question, one in zip(asked["modules"], proof["modules"]):
        if one["error"]:
            lines = one["error"]["message"].splitlines() or [""]
            kind = one["error"]["type"]
            message = lines[0] if kind in ("exit", "signal", "timeout") else kind + ": " + lines[0]
            rows.append((question["place"], one["module"], message))
    for question, one in zip(asked["distributions"], proof["distributions"]):
        if one["error"]:
            message = "needs `%s`, which is not in the image" % one["distribution"]
            rows.append((question["place"], question["what"], message))
    for one in proof["syntax"]:
        line = ":%d" % one["line"] if one["line"] else ""
        rows.append((one["file"] + line, "-", "does not compile: " + one["message"]))
    plain = [["".join(c if c.isprintable() else "?" for c in cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in plain) for column in (0, 1)]
    return [] if len(rows) == 1 else ["%-*s  %-*s  %s" % (widths[0], row[0], widths[1], row[1], row[2]) for row in plain]


def interrupted(number, _):
    # Whoever holds it starts a process, which takes no time; and this has to come to an end in any case.
    lock.acquire(timeout=1)
    for group in list(living):
        try:
            os.killpg(group, signal.SIGKILL)
        except OSError:
            pass
    os._exit(128 + number)


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    with open(sys.argv[1], encoding="utf-8") as file:
        asked = json.load(file)
    # More than one even where there is one processor, so that one that hangs does not stop the others.
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(max(2, min(processors, 8))) as pool:
        modules = list(pool.map(lambda one: imported(one, asked["seconds"]), asked["modules"]))
    for index, one in enumerate(modules):
        # Several at a time may have been too much for the memory.
        if one["error"] and one["error"]["message"] == KILLED:
            modules[index] = imported(asked["modules"][index], asked["seconds"])
    number, wrong = compiled(os.path.join(os.getcwd(), os.environ["SCAF_EXPERIMENT"]))
    proof = {
        "python": sys.version.split()[0],
        "system": system(),
        "modules": modules,
        "distributions": [present(one) for one in asked["distributions"]],
        "files": number,
        "syntax": wrong,
    }
    # What is no text (a half of a surrogate pair, a name of a file that is none) stays out of it.
    text = json.dumps(proof, indent=1, ensure_ascii=False).encode("utf-8", "replace")
    with open(os.path.join(os.environ["SCAF_OUTPUT_DIR"], "proof.json"), "wb") as file:
        file.write(text)
    lines = table(asked, json.loads(text.decode("utf-8")))
    sys.stdout.buffer.write("".join(line + "\n" for line in lines).encode("utf-8"))
    sys.stdout.flush()
    sys.exit(1 if lines else 0)


THERE = distributions()
main()
