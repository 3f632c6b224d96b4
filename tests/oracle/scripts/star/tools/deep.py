from itertools import *

import attr


def depth():
    return len(list(chain([attr.__name__])))
