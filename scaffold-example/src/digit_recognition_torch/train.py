"""Trains a small convolutional network to read handwritten digits, on the GPU when there is one."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from common import digits


def make_network() -> nn.Sequential:
    """Makes an untrained network from an image to one score for each digit."""
    return nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(64 * 4 * 4, 10),
    )


def pick_device() -> torch.device:
    """Returns the GPU, or another accelerator, when torch can use one here; otherwise the CPU."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def fit(
    data: digits.Digits, epochs: int, batch_size: int, seed: int, device: torch.device
) -> nn.Module:
    """Learns from these digits, going through all of them once in an epoch."""
    # On the CPU, more threads only slow down so small a network. A larger one wants this line away.
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = make_network().to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.002)
    images = torch.from_numpy(data.images).unsqueeze(1).to(device)
    labels = torch.from_numpy(data.labels).to(device)
    for _ in range(epochs):
        for batch in torch.randperm(len(data)).to(device).split(batch_size):
            loss = functional.cross_entropy(network(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


@torch.no_grad()
def predict(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Reads the images, on the device that the network is on."""
    device = next(network.parameters()).device
    scores = network.eval()(torch.from_numpy(images).unsqueeze(1).to(device))
    return scores.argmax(dim=1).cpu().numpy()


def train(
    epochs: int, batch_size: int, data_path: Path | None, seed: int, output_dir: Path
) -> dict[str, object]:
    """Trains, reads the digits set apart, and writes the report and model.pt."""
    device = pick_device()
    learn, test = digits.split(digits.load(data_path), seed)
    network = fit(learn, epochs, batch_size, seed, device)
    metrics = digits.write_report(
        output_dir,
        test.labels,
        predict(network, test.images),
        epochs=epochs,
        batch_size=batch_size,
        data=test.source,
        device=device.type,
    )
    torch.save(network.cpu().state_dict(), output_dir / "model.pt")
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
