"""Folders put on sys.path by the code, by each of the ways in use."""
import os
import sys
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import inside_lib  # noqa: E402

sys.path.append(str(Path(__file__).resolve().parent / "vendor"))
import inside_vendor  # noqa: E402

HERE = Path(__file__).parent
sys.path += [str(HERE / "third")]
import inside_third  # noqa: E402

assert inside_lib.OK and inside_vendor.OK and inside_third.OK
