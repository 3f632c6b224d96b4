import json

import joblib
import numpy as np
import pytest

import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    output_dir = tmp_path_factory.mktemp("run") / "new"
    metrics = train.train(penalty=10.0, gamma=0.001, train_size=300, seed=0, output_dir=output_dir)
    return metrics, output_dir


def test_a_few_images_are_enough_to_learn_the_digits(trained):
    metrics, _ = trained
    assert metrics["train_size"] == 300
    assert 0.9 < metrics["test_accuracy"] <= metrics["train_accuracy"] <= 1


def test_the_metrics_are_written(trained):
    metrics, output_dir = trained
    assert json.loads((output_dir / "metrics.json").read_text()) == metrics


def test_the_written_model_tells_digits_apart(trained):
    _, output_dir = trained
    model = joblib.load(output_dir / "model.joblib")
    images, digits = train.load_digits(return_X_y=True)
    assert train.evaluate(model, images, digits) > 0.9
    assert np.array_equal(np.unique(model.predict(images)), np.arange(10))


def test_the_same_seed_gives_the_same_result(trained, tmp_path):
    metrics, _ = trained
    again = train.train(penalty=10.0, gamma=0.001, train_size=300, seed=0, output_dir=tmp_path)
    assert again == metrics


@pytest.mark.parametrize(
    "wrong", [["--penalty", "0"], ["--gamma", "nan"], ["--train_size", "9"], ["--seed", "one"]]
)
def test_wrong_arguments_are_refused(wrong, tmp_path):
    with pytest.raises(SystemExit) as stop:
        train.main([*wrong, "--output_dir", str(tmp_path)])
    assert stop.value.code == 2
    assert not list(tmp_path.iterdir())
