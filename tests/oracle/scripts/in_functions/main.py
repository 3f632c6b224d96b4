"""Imports at every depth of the code that runs: functions, methods, nested classes, generators, threads, comprehensions' bodies."""
import threading


def frame():
    import pandas as pd

    def inner():
        import numpy

        return numpy.zeros(2)

    return pd.DataFrame({"a": inner()})


class Reader:
    import yaml as parser

    def read(self, text):
        from lxml import etree

        return self.parser.safe_load(text), etree.fromstring("<a/>")

    @property
    def soup(self):
        import bs4

        return bs4.BeautifulSoup("<p>", "html.parser")


def numbers():
    from tqdm.auto import tqdm

    yield from tqdm(range(2), disable=True)


async def never_awaited():
    import polars

    return polars


def in_thread():
    global toolz
    import toolz


if __name__ == "__main__":
    frame()
    reader = Reader()
    reader.read("a: 1")
    assert reader.soup.p is not None
    list(numbers())
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert toolz.identity(1) == 1
