import importlib

_parts = {"frames": ".frames", "never": ".never"}


def __getattr__(name):
    if name in _parts:
        return importlib.import_module(_parts[name], __name__)
    raise AttributeError(name)


def __dir__():
    return sorted(_parts)
