"""Images of handwritten digits: where they come from, and how well a classifier reads them."""

from .data import Digits, load, split
from .report import confusion_matrix, draw_confusion_matrix, measure, write_report

__all__ = [
    "Digits",
    "confusion_matrix",
    "draw_confusion_matrix",
    "load",
    "measure",
    "split",
    "write_report",
]
