import json

import numpy as np
import pytest
import torch

import train
from common import digits


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    output_dir = tmp_path_factory.mktemp("run")
    metrics = train.train(epochs=5, batch_size=32, data_path=None, seed=0, output_dir=output_dir)
    return metrics, output_dir


def test_a_few_epochs_are_enough_to_read_digits(trained):
    metrics, _ = trained
    assert metrics["accuracy"] > 0.93
    assert metrics["epochs"] == 5


def test_a_run_leaves_the_numbers_the_picture_and_the_model(trained):
    metrics, output_dir = trained
    files = {file.name for file in output_dir.iterdir()}
    assert files == {"metrics.json", "confusion_matrix.png", "model.pt"}
    assert json.loads((output_dir / "metrics.json").read_text()) == metrics


def test_the_written_model_gives_the_reported_accuracy(trained):
    metrics, output_dir = trained
    network = train.make_network()
    network.load_state_dict(torch.load(output_dir / "model.pt", weights_only=True))
    _, test = digits.split(digits.load(), seed=0)
    accuracy = np.mean(train.predict(network, test.images) == test.labels)
    assert accuracy == pytest.approx(metrics["accuracy"], abs=0.005)


def test_the_same_seed_gives_the_same_network():
    learn, test = digits.split(digits.load(), seed=0)
    cpu = torch.device("cpu")
    first, second = (train.fit(learn, 1, batch_size=64, seed=1, device=cpu) for _ in range(2))
    assert np.array_equal(train.predict(first, test.images), train.predict(second, test.images))


@pytest.mark.parametrize(
    "wrong", [["--epochs", "0"], ["--epochs", "many"], ["--batch_size", "0"], ["--seed", "-1"]]
)
def test_wrong_arguments_are_refused(wrong, tmp_path):
    with pytest.raises(SystemExit) as stop:
        train.main([*wrong, "--output_dir", str(tmp_path)])
    assert stop.value.code == 2
    assert not list(tmp_path.iterdir())
