import pandas

ROWS = len(pandas.Series([1, 2, 3]))
