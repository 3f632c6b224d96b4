"""Only values are taken: nothing of the modules that they came from is left in this file's names."""
from math_values import HALF
from sklearn import __version__ as SKLEARN
from settings import LEARNING_RATE, NAMES
from settings.paths import ROOT
from string_only import *

import numpy

EPSILON = numpy.finfo(numpy.float32).eps
del numpy

assert LEARNING_RATE and NAMES and ROOT and SKLEARN and HALF == 0.5 and GREETING
