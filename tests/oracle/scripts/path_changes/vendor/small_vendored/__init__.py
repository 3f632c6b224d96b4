from .part import OK
