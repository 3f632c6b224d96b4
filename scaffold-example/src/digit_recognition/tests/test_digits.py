"""Tests of the shared part, as this experiment sees it."""

import json

import numpy as np
import pytest

from common import digits


@pytest.fixture(scope="module")
def data():
    return digits.load()


def test_the_digits_of_scikit_learn_are_there_without_a_file(data, tmp_path):
    assert len(data) == 1797
    assert data.source == "scikit-learn"
    assert data.images.min() == 0 and data.images.max() == 1
    assert len(digits.load(tmp_path)) == len(data)


def test_a_file_in_the_data_folder_comes_first(data, tmp_path):
    np.savez(tmp_path / "digits.npz", images=data.images[:20], labels=data.labels[:20])
    loaded = digits.load(tmp_path)
    assert loaded.source == "digits.npz"
    assert np.array_equal(loaded.images, data.images[:20])


@pytest.mark.parametrize(
    ("shape", "label"), [((3, 28, 28), 0), ((2, 8, 8), 0), ((3, 8, 8), 10), ((3, 8, 8), -1)]
)
def test_a_file_of_something_else_is_refused(shape, label, tmp_path):
    np.savez(tmp_path / "digits.npz", images=np.zeros(shape), labels=np.full(3, label))
    with pytest.raises(ValueError, match="digits.npz"):
        digits.load(tmp_path)


def test_the_split_keeps_every_digit_once_and_in_its_share(data):
    learn, test = digits.split(data, seed=0)
    assert len(learn) + len(test) == len(data)
    assert len(test) == pytest.approx(len(data) / 4, abs=1)
    shares = [np.bincount(part.labels) / len(part) for part in (learn, test)]
    assert np.allclose(*shares, atol=0.005)


def test_the_split_follows_the_seed(data):
    first, same, other = (digits.split(data, seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first.images, same.images)
    assert not np.array_equal(first.labels, other.labels)


def test_the_matrix_has_a_row_for_each_digit_and_a_column_for_each_reading():
    matrix = digits.confusion_matrix(np.array([3, 3, 3, 9]), np.array([3, 3, 8, 9]))
    assert matrix[3, 3] == 2 and matrix[3, 8] == 1 and matrix[9, 9] == 1
    assert matrix.sum() == 4


def test_the_measures_come_from_the_matrix():
    matrix = digits.confusion_matrix(np.array([3, 3, 3, 9]), np.array([3, 3, 8, 9]))
    assert digits.measure(matrix) == {"accuracy": 0.75, "worst_recall": pytest.approx(2 / 3)}


def test_the_report_is_a_picture_and_the_numbers_with_the_facts(tmp_path):
    labels = np.arange(10)
    metrics = digits.write_report(tmp_path / "new", labels, labels, epochs=3)
    assert metrics == {"accuracy": 1.0, "worst_recall": 1.0, "epochs": 3}
    assert json.loads((tmp_path / "new" / "metrics.json").read_text()) == metrics
    picture = (tmp_path / "new" / "confusion_matrix.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
