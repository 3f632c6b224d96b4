"""Says, in numbers and in a picture, how well digits were read."""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Counts how often each digit (row) was read as each digit (column)."""
    matrix = np.zeros((10, 10), dtype=int)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix


def measure(matrix: np.ndarray) -> dict[str, float]:
    """Returns the share of digits read rightly: of all of them, and of the digit read worst."""
    right, count = np.diag(matrix), matrix.sum(axis=1)
    recall = right[count > 0] / count[count > 0]
    return {"accuracy": float(right.sum() / count.sum()), "worst_recall": float(recall.min())}


def draw_confusion_matrix(matrix: np.ndarray, title: str) -> Figure:
    """Draws the matrix: colours are shares of a row, figures are counts, zeros are left out."""
    # A figure made without pyplot needs no display, and leaves the settings of a notebook alone.
    figure = Figure(figsize=(6.4, 5.4), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    picture = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(matrix), strict=True):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, matrix[row, column], ha="center", va="center", color=colour)
    axes.set(title=title, xlabel="read as", ylabel="digit", xticks=range(10), yticks=range(10))
    figure.colorbar(picture, label="share of the digit", shrink=0.8)
    return figure


def write_report(
    output_dir: Path, labels: np.ndarray, predicted: np.ndarray, **facts: object
) -> dict[str, object]:
    """Writes metrics.json, with these facts, and confusion_matrix.png; returns the metrics."""
    matrix = confusion_matrix(labels, predicted)
    metrics = {**measure(matrix), **facts}
    output_dir.mkdir(parents=True, exist_ok=True)
    (output_dir / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    title = f"{metrics['accuracy']:.1%} of {len(labels)} digits read rightly"
    draw_confusion_matrix(matrix, title).savefig(output_dir / "confusion_matrix.png")
    return metrics
