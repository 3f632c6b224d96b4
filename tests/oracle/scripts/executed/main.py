"""Files that are run, not imported: exec of a file's text, runpy, a configuration in Python, a subprocess of the same Python."""
import os
import runpy
import subprocess
import sys
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
exec(open(os.path.join(HERE, "configuration.py")).read())
names = runpy.run_path(os.path.join(HERE, "stage.py"))
exec(compile((Path(__file__).parent / "late.py").read_text(), "late.py", "exec"))
assert BATCH == 4 and names["READY"] and LATE
subprocess.run([sys.executable, "-m", "tabnanny", "--help"], check=False, capture_output=True)
