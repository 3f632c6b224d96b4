"""Says what a run looks like from inside, as one line: PROBE and a JSON object of question to answer.

The same file runs through every command on every engine (product.md, "The same thing runs everywhere"); the table of the answers
is docs/reference/probe.md. It needs Python and nothing else.
"""
import importlib.metadata
import json
import os
import pwd
import sys
from pathlib import Path


def kind_of(path):
    """What is at a path, and whether it can be read and written, by trying."""
    path = Path(path)
    if not path.exists():
        return "not there"
    said = []
    try:
        os.listdir(path)
        said.append("read")
    except OSError:
        pass
    try:
        trial = path / f".probe-{os.getpid()}"
        trial.write_text("")
        trial.unlink()
        said.append("write")
    except OSError:
        pass
    return ", ".join(said) or "neither"


def user():
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "no name"


def shared():
    """Which `common` is imported, with one of that name installed as well."""
    try:
        import common.greet
    except ImportError as error:
        return f"fails: {error}"
    return f"{common.greet.WORD} from {common.greet.__file__}"


def installed():
    try:
        return importlib.metadata.version("common")
    except importlib.metadata.PackageNotFoundError:
        return "no"


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return f"{mask:04o}"


def first_process():
    try:
        return Path("/proc/1/comm").read_text().strip()
    except OSError:
        return "unknown"


def answers(here, argv):
    depth = len(os.environ["SCAF_EXPERIMENT"].split("/"))
    root = here.parents[depth - 1]
    shm = os.statvfs("/dev/shm")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("SCAF_", "PYTHON", "VIRTUAL_ENV")) or name in ("HOME", "USER", "LOGNAME")
        # PYTHON_VERSION and its like are what an image says of itself.
        if not name.startswith("PYTHON_")
    }
    answer = {
        "working directory": os.getcwd(),
        "arguments": argv,
        "sys.path": [path for path in sys.path],
        "uid:gid": f"{os.getuid()}:{os.getgid()}",
        "user name": user(),
        "home can be": kind_of(Path.home()),
        "umask": umask(),
        "first process": first_process(),
        "size of /dev/shm": shm.f_frsize * shm.f_blocks,
        "standard input, output, error are terminals": [os.isatty(number) for number in (0, 1, 2)],
        "`import common.greet`": shared(),
        "a package `common` is installed": installed(),
        "the working directory can be": kind_of("."),
        "the experiment can be": kind_of(here),
    }
    for name in ("data", "models", "outputs", "notebooks"):
        answer[f"`{name}/` can be"] = kind_of(root / name)
    for name in sorted(environment):
        answer[f"${name}"] = environment[name]
    return answer


def main(here, argv):
    print("PROBE " + json.dumps(answers(Path(here), argv)), flush=True)


if __name__ == "__main__":
    import signal

    # With words it misbehaves: exit N, raise, signal N.
    if sys.argv[1:2] == ["exit"]:
        sys.exit(int(sys.argv[2]))
    if sys.argv[1:2] == ["raise"]:
        raise ValueError("as asked")
    if sys.argv[1:2] == ["signal"]:
        os.kill(os.getpid(), int(sys.argv[2]))
    if sys.argv[1:2] == ["wait"]:
        if sys.argv[2:3] == ["deaf"]:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda number, frame: print("heard", number, flush=True))
        print("ready", flush=True)
        import time

        while True:
            time.sleep(0.05)
    main(Path(__file__).resolve().parent, sys.argv[1:])
