"""Fits a straight line to noisy points by least squares, and says how well it did."""

import argparse
import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

SLOPE, INTERCEPT = 2.0, 1.0

Points = list[tuple[float, float]]


def make_points(count: int, noise: float, seed: int) -> Points:
    """Makes points of the line y = SLOPE * x + INTERCEPT, with normal noise on y."""
    rng = random.Random(seed)
    xs = [rng.uniform(0, 10) for _ in range(count)]
    return [(x, SLOPE * x + INTERCEPT + rng.gauss(0, noise)) for x in xs]


def fit_line(points: Points) -> tuple[float, float]:
    """Returns slope and intercept of the line with the least squared error."""
    mean_x = math.fsum(x for x, _ in points) / len(points)
    mean_y = math.fsum(y for _, y in points) / len(points)
    spread = math.fsum((x - mean_x) ** 2 for x, _ in points)
    slope = math.fsum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    return slope, mean_y - slope * mean_x


def root_mean_square_error(points: Points, slope: float, intercept: float) -> float:
    """Returns the typical distance in y between the points and the line."""
    errors = [y - (slope * x + intercept) for x, y in points]
    return math.sqrt(math.fsum(error**2 for error in errors) / len(errors))


def train(points: int, noise: float, seed: int, output_dir: Path) -> dict[str, float]:
    """Fits the line, measures it on points that it has not seen, and writes metrics.json."""
    slope, intercept = fit_line(make_points(points, noise, seed))
    unseen = make_points(points, noise, seed + 1)
    metrics = {
        "slope": slope,
        "intercept": intercept,
        "rmse": root_mean_square_error(unseen, slope, intercept),
    }
    output_dir.mkdir(parents=True, exist_ok=True)
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
    add("--points", type=number(int, 2, 1_000_000), default=1000, help="points to fit")
    add("--noise", type=number(float, 0, 100), default=0.5, help="standard deviation of y")
    add("--seed", type=int, default=0, help="seed of the random numbers")
    add("--output_dir", type=Path, default=Path("outputs"), help="folder for the results")
    print(json.dumps(train(**vars(parser.parse_args(argv)))))


if __name__ == "__main__":
    main()
