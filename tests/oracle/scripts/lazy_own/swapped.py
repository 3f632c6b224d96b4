import sys
import types

import sqlalchemy


class Swapped(types.ModuleType):
    answer = 42
    library = sqlalchemy


sys.modules[__name__] = Swapped(__name__)
