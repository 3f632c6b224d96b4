import numpy

BATCH = int(numpy.int64(4))
