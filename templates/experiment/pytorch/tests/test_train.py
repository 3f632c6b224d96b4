import json

import pytest
import torch

import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    output_dir = tmp_path_factory.mktemp("run") / "new"
    metrics = train.train(
        epochs=10, batch_size=64, learning_rate=0.01, seed=0, output_dir=output_dir
    )
    return metrics, output_dir


def test_the_spirals_are_told_apart(trained):
    metrics, _ = trained
    assert metrics["test_accuracy"] > 0.95


def test_an_untrained_network_cannot_tell_them_apart():
    torch.manual_seed(0)
    spirals = train.make_spirals(1000, torch.Generator().manual_seed(0))
    assert train.evaluate(train.make_network(), *spirals) < 0.8


def test_the_metrics_are_written(trained):
    metrics, output_dir = trained
    assert json.loads((output_dir / "metrics.json").read_text()) == metrics


def test_the_written_model_is_the_trained_one(trained):
    _, output_dir = trained
    network = train.make_network()
    network.load_state_dict(torch.load(output_dir / "model.pt", weights_only=True))
    spirals = train.make_spirals(1000, torch.Generator().manual_seed(1))
    assert train.evaluate(network, *spirals) > 0.95


def test_the_same_seed_gives_the_same_data():
    first, second = (train.make_spirals(10, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


@pytest.mark.parametrize(
    "wrong",
    [["--epochs", "0"], ["--epochs", "many"], ["--batch_size", "-1"], ["--learning_rate", "nan"]],
)
def test_wrong_arguments_are_refused(wrong, tmp_path):
    with pytest.raises(SystemExit) as stop:
        train.main([*wrong, "--output_dir", str(tmp_path)])
    assert stop.value.code == 2
    assert not list(tmp_path.iterdir())
