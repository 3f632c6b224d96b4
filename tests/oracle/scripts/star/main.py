"""Star imports of own and of installed modules; names that only a star gives."""
from numpy import *
from tools import *
from tools.deep import *
from window_free import *

assert array([1]).sum() == 1
assert table().shape == (1, 1)
assert depth() == 1 and free()
