"""Calls that need a distribution that no file imports."""
import tempfile
from pathlib import Path

import dask.dataframe
import pandas as pd
import sqlalchemy
from bs4 import BeautifulSoup

folder = Path(tempfile.mkdtemp())
table = pd.DataFrame({"a": [1.0, 2.0]})
table.to_parquet(folder / "a.parquet")
table.to_excel(folder / "a.xlsx")
assert table.style.to_html()
assert table.plot() is not None
assert BeautifulSoup("<p>a</p>", "lxml").p.text == "a"
engine = sqlalchemy.create_engine("postgresql+psycopg2://nobody@localhost:1/none")
assert engine.dialect.driver == "psycopg2"
assert dask.dataframe.from_pandas(table, npartitions=1).a.sum().compute() == 3.0
