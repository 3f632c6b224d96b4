"""Own plug-ins that are found by listing a folder, and a registry by a decorator."""
import importlib
import pkgutil

import plugins
from plugins.registry import REGISTRY

for found in pkgutil.iter_modules(plugins.__path__):
    importlib.import_module(f"plugins.{found.name}")

assert sorted(REGISTRY) == ["arrays", "web"], REGISTRY
for make in REGISTRY.values():
    make()
