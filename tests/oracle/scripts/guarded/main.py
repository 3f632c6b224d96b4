"""What runs only sometimes: fallbacks, platforms, versions, flags, find_spec, suppress, and names for type checkers."""
from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl
    from statsmodels.api import OLS

try:
    import cupy as xp
except ImportError:
    import numpy as xp

try:
    import no_such_yaml as yaml
except ModuleNotFoundError:
    try:
        import yaml
    except ModuleNotFoundError:
        yaml = None

try:
    import requests
except ImportError as error:
    raise SystemExit("pip install requests") from error

HAS_PLOTLY = importlib.util.find_spec("plotly") is not None
if HAS_PLOTLY:
    import plotly.graph_objects as go

if importlib.util.find_spec("no_such_plotter"):
    import no_such_plotter

with contextlib.suppress(ImportError):
    import tqdm

with contextlib.suppress(ImportError):
    import no_such_progress

if sys.platform == "win32":
    import winreg
    import pywintypes
elif sys.platform.startswith("linux"):
    import psutil

if sys.version_info >= (3, 8):
    import json
else:
    import importlib_metadata

if os.environ.get("NEVER_SET_BY_THE_TEST"):
    import seaborn

try:
    import orjson as json_library
except ImportError:
    json_library = None


def frame(table: pl.DataFrame) -> OLS:
    return table


assert xp.zeros(1) is not None and yaml.safe_load("1") == 1 and go.Figure() is not None
