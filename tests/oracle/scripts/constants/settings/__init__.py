from .base import LEARNING_RATE
from .names import NAMES
