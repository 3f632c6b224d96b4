from yaml import __version__ as _version

NAMES = ["a", _version]
