import numpy

VALUE = float(numpy.float64(1))
