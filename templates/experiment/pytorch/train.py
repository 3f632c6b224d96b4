"""Trains a small network to tell two interleaved spirals apart, on the GPU when there is one."""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional


def make_spirals(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Makes points of two spirals in the plane, and to which of the two each belongs."""
    labels = torch.randint(2, (count,), generator=generator)
    turn = torch.rand(count, generator=generator).sqrt() * 3 * math.pi
    angle = turn + labels * math.pi
    points = torch.stack([turn * angle.cos(), turn * angle.sin()], dim=1) / (3 * math.pi)
    return points + 0.02 * torch.randn(count, 2, generator=generator), labels


def make_network(width: int = 64) -> nn.Sequential:
    """Makes an untrained network from a point to one score for each spiral."""
    return nn.Sequential(
        nn.Linear(2, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2)
    )


def pick_device() -> torch.device:
    """Returns the GPU, or another accelerator, when torch can use one here; otherwise the CPU."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


@torch.no_grad()
def evaluate(network: nn.Module, points: Tensor, labels: Tensor) -> float:
    """Returns the share of the points that the network puts on the right spiral."""
    network.eval()
    return (network(points).argmax(dim=1) == labels).sum().item() / len(labels)


def train(
    epochs: int, batch_size: int, learning_rate: float, seed: int, output_dir: Path
) -> dict[str, float | str]:
    """Trains, measures on points not seen in training, and writes metrics.json and model.pt."""
    # On the CPU, more threads only slow down so small a network. A larger one wants this line away.
    torch.set_num_threads(1)
    device = pick_device()
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    points, labels = (tensor.to(device) for tensor in make_spirals(4000, generator))
    unseen = [tensor.to(device) for tensor in make_spirals(1000, generator)]

    network = make_network().to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    network.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(points), generator=generator).to(device).split(batch_size):
            loss = functional.cross_entropy(network(points[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    metrics = {
        "train_accuracy": evaluate(network, points, labels),
        "test_accuracy": evaluate(network, *unseen),
        "device": device.type,
    }
    output_dir.mkdir(parents=True, exist_ok=True)
    torch.save(network.cpu().state_dict(), output_dir / "model.pt")
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
    add("--epochs", type=number(int, 1, 100_000), default=30, help="times through the data")
    add("--batch_size", type=number(int, 1, 4000), default=64, help="points in one step")
    add("--learning_rate", type=number(float, 1e-9, 10), default=0.01, help="size of a step")
    add("--seed", type=number(int, 0, 2**32 - 1), default=0, help="seed of data and network")
    add("--output_dir", type=Path, default=Path("outputs"), help="folder for the results")
    print(json.dumps(train(**vars(parser.parse_args(argv)))))


if __name__ == "__main__":
    main()
