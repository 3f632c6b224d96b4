"""Trains a multi-layer perceptron to read handwritten digits."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import joblib
import numpy as np
from sklearn.neural_network import MLPClassifier

from common import digits


def fit(data: digits.Digits, epochs: int, batch_size: int, seed: int) -> MLPClassifier:
    """Learns from these digits, going through all of them once in an epoch."""
    model = MLPClassifier(
        hidden_layer_sizes=(128,),
        learning_rate_init=0.003,
        batch_size=min(batch_size, len(data)),
        random_state=seed,
    )
    for _ in range(epochs):
        model.partial_fit(flat(data), data.labels, classes=np.arange(10))
    return model


def flat(data: digits.Digits) -> np.ndarray:
    """Returns each image as one row of pixels."""
    return data.images.reshape(len(data), -1)


def train(
    epochs: int, batch_size: int, data_path: Path | None, seed: int, output_dir: Path
) -> dict[str, object]:
    """Trains, reads the digits set apart, and writes the report and model.joblib."""
    learn, test = digits.split(digits.load(data_path), seed)
    model = fit(learn, epochs, batch_size, seed)
    metrics = digits.write_report(
        output_dir,
        test.labels,
        model.predict(flat(test)),
        epochs=epochs,
        batch_size=batch_size,
        data=test.source,
    )
    joblib.dump(model, output_dir / "model.joblib")
    return metrics


def number(kind: type, low: float, high: float) -> Callable[[str], float]:
    """Makes an argument type: a number of this kind, from low to high."""

    def read(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be from {low} to {high}, not {value}")
        return value

    read.__name__ = kind.__name__
    return read


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--epochs", type=number(int, 1, 100_000), default=30, help="times through the data")
    add("--batch_size", type=number(int, 1, 100_000), default=32, help="images in one step")
    add("--data_path", type=Path, help="folder that may have a digits.npz")
    add("--seed", type=number(int, 0, 2**32 - 1), default=0, help="seed of split and network")
    add("--output_dir", type=Path, default=Path("outputs"), help="folder for the results")
    print(json.dumps(train(**vars(parser.parse_args(argv)))))


if __name__ == "__main__":
    main()
