# Inside a package: nobody's `import yaml` finds it.
raise RuntimeError("not this one")
