#!/usr/bin/env python3
"""trace.py [--root DIR] SCRIPT [ARGUMENT...]: runs SCRIPT as `python SCRIPT` would, in the interpreter this is started
with, and prints as JSON what was imported while it ran. The script's own standard output goes to standard error.

"Own" files are those below the root (default: the script's folder). The answer:

  status    what the script ended with: 0, its exit status, or 1 and `error`
  imported  distribution -> {version, modules, where}: what own files imported themselves, at whatever depth of calls,
            by statement or through importlib; `where` is FILE:LINE, relative to the root
  loaded    distribution -> {version, modules, by, called}: what only others imported: `by` is the distribution (or
            "stdlib") whose file did it first, "own" where compiled code did that an own file called; `called` the own
            FILE:LINE that was running
  local     own files that were imported
  stdlib    top-level modules of the standard library that own files imported
  unowned   modules with a file that no distribution lists and that is not below the root
  failed    imports of own files that raised ImportError: {module, where}

Three things are put together: `__import__` and importlib's functions are wrapped, since only they see a second import of
what is loaded already; a finder in front of sys.meta_path sees every first import, also by ways nobody thought of; and
sys.modules before and after says whether one was missed. Distributions are told apart by file, as their RECORD has it.
"""
import builtins
import dis
import importlib
import importlib.metadata
import importlib.util
import json
import os
import re
import sys
import traceback
import types

IMPORTLIB = os.path.dirname(importlib.__file__) + os.sep
# Entry points are loaded by importlib.metadata: whoever asks for them does not name the module.
METADATA = os.path.join(IMPORTLIB, "metadata", "")
IMPORT_NAME = dis.opmap["IMPORT_NAME"]
STDLIB = os.path.dirname(os.__file__) + os.sep
HERE = os.path.realpath(__file__)


class Trace:
    def __init__(self, root):
        self.root = os.path.realpath(root) + os.sep
        self.own = []  # (module, file, line), in order
        self.failed = []
        self.first = {}  # module -> (file that imported it first, own file and line below which that was)
        self.paths = {}  # as code names its file -> the real path
        self.real_import = builtins.__import__
        self.real_import_module = importlib.import_module

    def is_own(self, file):
        return file.startswith(self.root) and file != HERE

    def file_of(self, frame):
        """The file whose code a frame runs, and whether that is text which it had executed."""
        named = frame.f_code.co_filename
        if named not in self.paths:
            real = named if named.startswith("<") else os.path.realpath(named)
            self.paths[named] = (real, named.startswith("<frozen ") or os.path.exists(real))
        file, exists = self.paths[named]
        if exists:
            return file, False
        # It has the names, and so the file, of whoever executed it.
        return os.path.realpath(frame.f_globals.get("__file__") or named), True

    def importer(self, frame):
        """The file and line that wanted the import, and the own ones that were running: importlib's frames and ours are
        only on the way."""
        nearest = None
        while frame is not None:
            file, executed = self.file_of(frame)
            on_the_way = file == HERE or file.startswith("<frozen ")
            on_the_way |= file.startswith(IMPORTLIB) and not file.startswith(METADATA)
            # Executed text has lines of its own; the file's line is where it had that executed, some frames further out.
            on_the_way |= executed and self.is_own(file)
            if not on_the_way:
                nearest = nearest or (file, frame.f_lineno)
                if self.is_own(file):
                    return nearest, (file, frame.f_lineno)
            frame = frame.f_back
        return nearest, None

    def wanted(self, name, frame):
        nearest, _ = self.importer(frame)
        if nearest and self.is_own(nearest[0]):
            self.own.append((name, *nearest))

    def refused(self, name, frame):
        nearest, _ = self.importer(frame)
        if nearest and self.is_own(nearest[0]):
            self.failed.append((name, *nearest))

    def by_statement(self, name, globals=None, locals=None, fromlist=(), level=0):
        frame = sys._getframe(1)
        # Most imports by far are the libraries' own. And C code imports with whatever Python frame is the last: only an
        # import statement or a call by name is the file's.
        if not self.is_own(self.file_of(frame)[0]) or not (
            frame.f_code.co_code[frame.f_lasti] == IMPORT_NAME or "__import__" in frame.f_code.co_names
        ):
            return self.real_import(name, globals, locals, fromlist, level)
        full = name
        if level:
            package = (globals or {}).get("__package__") or (globals or {}).get("__name__", "")
            try:
                full = importlib.util.resolve_name("." * level + name, package)
            except ImportError:
                full = None
        try:
            module = self.real_import(name, globals, locals, fromlist, level)
        except ImportError as error:
            self.refused(getattr(error, "name", None) or full or name, frame)
            raise
        if full:
            parts = [f"{full}.{part}" for part in fromlist or () if part != "*"]
            # `from a import b`: the module a.b where there is one. A shared namespace itself belongs to nobody.
            modules = [part for part in parts if part in sys.modules]
            if len(modules) < len(parts) or not parts or getattr(sys.modules.get(full), "__file__", None):
                modules.append(full)
            for part in modules:
                self.wanted(part, frame)
        return module

    def by_name(self, name, package=None):
        frame = sys._getframe(1)
        try:
            module = self.real_import_module(name, package)
        except ImportError as error:
            self.refused(getattr(error, "name", None) or name, frame)
            raise
        self.wanted(importlib.util.resolve_name(name, package) if name.startswith(".") else name, frame)
        return module

    # A finder that never finds anything sees whatever is imported for the first time.
    def find_spec(self, name, path=None, target=None):
        nearest, own = self.importer(sys._getframe(1))
        self.first.setdefault(name, (nearest, own))
        return None

    def shown(self, place):
        return f"{os.path.relpath(place[0], self.root)}:{place[1]}"


def file_of(module):
    """None also for a file that is only a name: torch.classes says `_classes.py`."""
    file = getattr(module, "__file__", None)
    return os.path.realpath(file) if isinstance(file, str) and os.path.isabs(file) else None


def owners(files):
    """file -> (normalised name, version), by the lists of files that distributions were installed with."""
    found, seen = {}, set()
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if not name:
            continue
        name = re.sub(r"[-_.]+", "-", name).lower()
        # The first on sys.path hides a second of that name.
        if name in seen:
            continue
        seen.add(name)
        base = os.path.realpath(distribution.locate_file(""))
        for path in distribution.files or ():
            file = os.path.normpath(os.path.join(base, str(path)))
            # Several may list one file (mlflow and mlflow-skinny): the one that is named like the module has it.
            if file in files and (file not in found or re.sub(r"[-_.]+", "-", path.parts[0]).lower() == name):
                found[file] = (name, distribution.version)
    return found


def run(script, arguments):
    """As `python SCRIPT` does it: the module `__main__`, the script's folder first on sys.path."""
    main = types.ModuleType("__main__")
    main.__file__ = script
    main.__builtins__ = builtins
    sys.modules["__main__"] = main
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(os.path.realpath(script))
    with open(script, "rb") as file:
        code = compile(file.read(), os.path.realpath(script), "exec")
    try:
        exec(code, main.__dict__)
    except SystemExit as ended:
        if isinstance(ended.code, int) or ended.code is None:
            return ended.code or 0, None
        return 1, str(ended.code)
    except BaseException as error:
        traceback.print_exc()
        return 1, "".join(traceback.format_exception_only(error)).strip()
    return 0, None


def report(trace, script, before, status, error):
    modules = dict(sys.modules)
    files = {name: file_of(module) for name, module in modules.items()}
    own = [(name, file, line) for name, file, line in trace.own if name in modules or name.split(".")[0] in modules]
    # A class or function that `from a import b` took is no module: it is a's.
    wanted = {name for name, _, _ in own}
    belongs = owners({file for file in files.values() if file})
    answer = {"status": status, "imported": {}, "loaded": {}, "failed": []}
    answer |= {"local": {os.path.relpath(script, trace.root)}, "stdlib": set(), "unowned": set()}
    if error:
        answer["error"] = error

    def place(name, importer):
        """Which group a module is in; None where it has no file and is no module of the standard library."""
        file = files.get(name)
        top = name.partition(".")[0]
        parent = name
        while not file and "." in parent:
            # Made up by its package (six.moves, torch.ops); a shared namespace has no file either.
            parent = parent.rpartition(".")[0]
            file = files.get(parent)
        if file in belongs:
            return belongs[file]
        if file and trace.is_own(file):
            answer["local"].add(os.path.relpath(file, trace.root))
        elif top in sys.stdlib_module_names and (not file or file.startswith(STDLIB)):
            if importer:
                answer["stdlib"].add(top)
        elif file:
            answer["unowned"].add(name)
        return None

    for name, file, line in own:
        owner = place(name, True)
        if owner:
            entry = answer["imported"].setdefault(owner[0], {"version": owner[1], "modules": set(), "where": []})
            entry["modules"].add(name)
            where = trace.shown((file, line))
            if where not in entry["where"]:
                entry["where"].append(where)
    # A package is in sys.modules after its parts; in the order of their first import it comes before them.
    order = {name: number for number, name in enumerate(trace.first)}
    for name in sorted(modules, key=lambda name: order.get(name, len(order))):
        if name in before or name in wanted:
            continue
        owner = place(name, False)
        if not owner or owner[0] in answer["imported"]:
            continue
        by, called = trace.first.get(name, (None, None))
        entry = answer["loaded"].setdefault(owner[0], {"version": owner[1], "modules": set(), "by": None, "called": None})
        entry["modules"].add(name)
        if by and entry["by"] is None:
            other = belongs.get(by[0])
            entry["by"] = other[0] if other else "stdlib" if by[0].startswith(STDLIB) else "own" if trace.is_own(by[0]) else by[0]
            entry["called"] = trace.shown(called) if called else None
    seen = set()
    for name, file, line in trace.failed:
        if (name, file, line) not in seen:
            seen.add((name, file, line))
            answer["failed"].append({"module": name, "where": trace.shown((file, line))})
    return answer


def main():
    arguments = sys.argv[1:]
    root = None
    if arguments[:1] == ["--root"]:
        root, arguments = arguments[1], arguments[2:]
    if not arguments:
        sys.exit(__doc__)
    script = os.path.abspath(arguments[0])
    trace = Trace(root or os.path.dirname(script))
    stdout = os.dup(1)
    os.dup2(2, 1)
    before = set(sys.modules)
    builtins.__import__ = trace.by_statement
    importlib.__import__ = trace.by_statement
    importlib.import_module = trace.by_name
    sys.meta_path.insert(0, trace)
    try:
        status, error = run(script, arguments[1:])
    finally:
        builtins.__import__ = trace.real_import
        importlib.import_module = trace.real_import_module
        if trace in sys.meta_path:
            sys.meta_path.remove(trace)
    sys.stdout.flush()
    answer = report(trace, os.path.realpath(script), before, status, error)
    # What the script printed has gone to standard error, also from C and from its children.
    with os.fdopen(stdout, "w") as out:
        json.dump(answer, out, indent=1, sort_keys=True, default=sorted)
        out.write("\n")
    # Threads and exit handlers of libraries have nothing to add.
    os._exit(0)


if __name__ == "__main__":
    main()
