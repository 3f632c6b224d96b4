# A folder of notes beside the script: without __init__.py it gives way to the installed dask.
import altair
