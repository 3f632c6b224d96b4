import yaml

NAME = yaml.safe_load("layers")
SIZE = 1
