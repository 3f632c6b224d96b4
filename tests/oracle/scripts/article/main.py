"""The article's four imports, each used."""
import catboost
import numpy as np
import pandas as pd
import torch


def train():
    table = pd.DataFrame({"x": np.arange(8.0), "y": np.arange(8.0)})
    model = catboost.CatBoostRegressor(iterations=1, verbose=False, allow_writing_files=False)
    model.fit(table[["x"]], table["y"])
    return torch.tensor(model.predict(table[["x"]])).sum()


if __name__ == "__main__":
    assert train() > 0
