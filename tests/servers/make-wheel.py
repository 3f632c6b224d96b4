#!/usr/bin/env python3
"""Writes a minimal pure-Python wheel, so that tests have packages which no public index knows.

usage: make-wheel.py NAME VERSION OUT [--requires REQUIREMENT]... [--requires-python SPEC] [--code TEXT]

OUT is the folder for the file, made when it is missing. The module is called as the package, with _ for - and . and has __version__;
--code adds text to it. It also installs a command NAME that prints "NAME VERSION". Prints the path of the wheel.
The same arguments give the same bytes, whatever the time.
"""
import argparse
import base64
import hashlib
import os
import re
import sys
import zipfile


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("name")
    parser.add_argument("version")
    parser.add_argument("out")
    parser.add_argument("--requires", action="append", default=[])
    parser.add_argument("--requires-python", default=">=3.8")
    parser.add_argument("--code", default="")
    a = parser.parse_args()
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", a.name):
        parser.error(f"not a package name: {a.name}")
    module = re.sub(r"[-_.]+", "_", a.name).lower()
    info = f"{module}-{a.version}.dist-info"
    metadata = [
        "Metadata-Version: 2.1", f"Name: {a.name}", f"Version: {a.version}", "Summary: made by a test",
        f"Requires-Python: {a.requires_python}", *(f"Requires-Dist: {r}" for r in a.requires),
    ]
    files = {
        f"{module}/__init__.py": f'__version__ = "{a.version}"\n\n\ndef main():\n    print("{a.name} {a.version}")\n\n\n{a.code}\n',
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: make-wheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{a.name} = {module}:main\n",
        f"{info}/top_level.txt": f"{module}\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    os.makedirs(a.out, exist_ok=True)
    path = os.path.join(a.out, f"{module}-{a.version}-py3-none-any.whl")
    with zipfile.ZipFile(path + ".new", "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, text)
    os.replace(path + ".new", path)
    print(path)


if __name__ == "__main__":
    sys.exit(main())
