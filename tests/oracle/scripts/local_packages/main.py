"""Own packages: relative imports, a sibling of the script, namespace folders, files named like distributions and like the
standard library, and a folder without __init__.py that loses to the installed distribution."""
import profile

import bokeh
import dask
import helper
from company.data import loading
from models import best
from models.deep import layers

assert profile.OWN and bokeh.OWN
assert loading.ROWS == 3 and best() == "layers" and layers.SIZE == 1
assert helper.VALUE == 1.0
assert dask.__version__
