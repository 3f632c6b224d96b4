"""Loads the digits and splits them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

FILE = "digits.npz"


@dataclass(frozen=True)
class Digits:
    """Images of 8 x 8 pixels, 0 paper to 1 ink, the digit that each shows, and their source."""

    images: np.ndarray
    labels: np.ndarray
    source: str

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.images.shape != (count, 8, 8) or self.labels.shape != (count,):
            shapes = f"{self.images.shape} and {self.labels.shape}"
            raise ValueError(f"{self.source}: not images of 8 x 8 with one label each: {shapes}")
        if not set(np.unique(self.labels)) <= set(range(10)):
            raise ValueError(f"{self.source}: labels other than 0 to 9")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: np.ndarray) -> "Digits":
        """Returns the digits at these indices."""
        return Digits(self.images[indices], self.labels[indices], self.source)


def load(data_path: Path | None = None) -> Digits:
    """Loads `images` and `labels` from this folder's digits.npz, or else scikit-learn's digits."""
    file = None if data_path is None else data_path / FILE
    if file is not None and file.is_file():
        with np.load(file, allow_pickle=False) as arrays:
            return Digits(arrays["images"].astype(np.float32), arrays["labels"], FILE)
    bunch = load_digits()
    return Digits((bunch.images / 16).astype(np.float32), bunch.target, "scikit-learn")


def split(digits: Digits, seed: int, test_share: float = 0.25) -> tuple[Digits, Digits]:
    """Splits into digits to learn from and digits to test with, each digit in the same share."""
    learn, test = train_test_split(
        np.arange(len(digits)), test_size=test_share, stratify=digits.labels, random_state=seed
    )
    return digits.take(learn), digits.take(test)
