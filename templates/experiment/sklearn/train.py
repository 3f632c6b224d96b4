"""Trains a classifier on the handwritten digits that come with scikit-learn."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

TEST_SIZE = 500


def evaluate(model: SVC, images: np.ndarray, digits: np.ndarray) -> float:
    """Returns the share of the images that the model names rightly."""
    return float(np.mean(model.predict(images) == digits))


def train(
    penalty: float, gamma: float, train_size: int, seed: int, output_dir: Path
) -> dict[str, float]:
    """Trains, measures on images set apart, and writes metrics.json and model.joblib."""
    images, digits = load_digits(return_X_y=True)
    train_images, test_images, train_digits, test_digits = train_test_split(
        images,
        digits,
        train_size=train_size,
        test_size=TEST_SIZE,
        stratify=digits,
        random_state=seed,
    )
    model = SVC(C=penalty, gamma=gamma).fit(train_images, train_digits)
    metrics = {
        "train_accuracy": evaluate(model, train_images, train_digits),
        "test_accuracy": evaluate(model, test_images, test_digits),
        "train_size": len(train_digits),
        "test_size": len(test_digits),
    }
    output_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, output_dir / "model.joblib")
    (output_dir / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
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
    add("--penalty", type=number(float, 1e-6, 1e6), default=10.0, help="of a wrong training digit")
    add("--gamma", type=number(float, 1e-9, 1e3), default=0.001, help="how local the kernel is")
    add("--train_size", type=number(int, 10, 1297), default=1297, help="images to learn from")
    add("--seed", type=number(int, 0, 2**32 - 1), default=0, help="seed of the split")
    add("--output_dir", type=Path, default=Path("outputs"), help="folder for the results")
    print(json.dumps(train(**vars(parser.parse_args(argv)))))


if __name__ == "__main__":
    main()
