import altair

READY = altair.Chart() is not None
