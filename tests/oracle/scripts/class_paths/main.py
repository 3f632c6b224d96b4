"""Classes named in configuration files, made by own code."""
import importlib
import json
from pathlib import Path

import yaml


def made(config):
    config = dict(config)
    module, _, name = config.pop("_target_").rpartition(".")
    return getattr(importlib.import_module(module), name)(**config)


here = Path(__file__).parent
config = yaml.safe_load((here / "conf/model.yaml").read_text())
assert made(config["model"]).alpha == 0.5
assert made(config["own"]).size == 3
logger = json.loads((here / "conf/logger.json").read_text())
assert made(logger["logger"]) is not None
