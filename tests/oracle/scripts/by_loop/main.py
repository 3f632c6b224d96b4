"""Names from a tuple in a loop and from a dictionary: literals, but no call has them as its argument."""
import importlib

WRITERS = {"xlsx": "openpyxl", "docx": "docx"}

for name in ("requests", "sqlalchemy"):
    importlib.import_module(name)
modules = [importlib.import_module(name) for name in ["nltk", "seaborn"]]
writer = importlib.import_module(WRITERS["xlsx"])
