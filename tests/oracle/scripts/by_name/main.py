"""Modules asked for by name: a literal, an alias of the function, a constant, a keyword, relative, exec and __import__."""
import importlib
import importlib as il
from importlib import import_module
from importlib import import_module as load

PARSER = "yaml"
TABLES = "pandas"


def take(name="tqdm"):
    return import_module(name)


etree = importlib.import_module("lxml.etree")
linear_model = il.import_module(name="sklearn.linear_model")
yaml = load(PARSER)
arrays = __import__("numpy")
plotting = __import__("matplotlib.pyplot", fromlist=["pyplot"])
steps = importlib.import_module(".steps", package="pipeline")
exec("import bs4")
frames = eval("__import__('polars')")
tables = importlib.import_module(TABLES)
if __name__ == "__main__":
    assert steps.SCALE == 2
    print(etree, linear_model, yaml, arrays, plotting, bs4, frames, tables)
