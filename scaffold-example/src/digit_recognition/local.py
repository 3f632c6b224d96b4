"""The default script of `scaf local`: the real code with small defaults; arguments override."""

import os
import sys
from pathlib import Path

from train import main

OUTPUT_DIR = os.environ.get("SCAF_OUTPUT_DIR", str(Path(__file__).parent / "outputs"))

if __name__ == "__main__":
    main(["--epochs", "8", "--output_dir", OUTPUT_DIR, *sys.argv[1:]])
