//! A folder of Python code as large projects have it: packages that import each other absolutely and
//! relatively, scripts, tests, the standard library and third-party packages at every kind of place. The same
//! for the same number of files, on every machine.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Files of one area: a package of packages, scripts beside it, tests.
const AREA: usize = 100;
const PACKAGES: usize = 8;
const SCRIPTS: usize = 6;
const TESTS: usize = 10;

/// `import` lines of the standard library.
const STANDARD: [&str; 24] = [
    "import argparse",
    "import collections",
    "import contextlib",
    "import csv",
    "import dataclasses",
    "import functools",
    "import itertools",
    "import json",
    "import logging",
    "import math",
    "import os",
    "import pathlib",
    "import random",
    "import re",
    "import shutil",
    "import subprocess",
    "import sys",
    "import time",
    "from collections import defaultdict, OrderedDict",
    "from concurrent.futures import ThreadPoolExecutor",
    "from dataclasses import dataclass, field",
    "from functools import lru_cache, partial",
    "from pathlib import Path",
    "from typing import Any, Dict, List, Optional, Tuple",
];

/// `import` lines of distributions, those first that are in most files.
const THIRD_PARTY: [&str; 40] = [
    "import numpy as np",
    "import pandas as pd",
    "import torch",
    "import torch.nn as nn",
    "import torch.nn.functional as F",
    "from torch.utils.data import DataLoader, Dataset",
    "from tqdm import tqdm",
    "import matplotlib.pyplot as plt",
    "from sklearn.model_selection import train_test_split, KFold",
    "from sklearn.metrics import accuracy_score, f1_score, roc_auc_score",
    "import yaml",
    "import requests",
    "from PIL import Image",
    "import cv2",
    "from transformers import AutoModel, AutoTokenizer",
    "from omegaconf import DictConfig, OmegaConf",
    "import hydra",
    "from scipy import sparse, stats",
    "from scipy.spatial.distance import cdist",
    "import wandb",
    "import mlflow",
    "import torchvision.transforms as T",
    "from torchvision.models import resnet50",
    "import pytorch_lightning as pl",
    "from pydantic import BaseModel, Field",
    "import click",
    "from rich.console import Console",
    "import seaborn as sns",
    "from google.cloud import storage",
    "import boto3",
    "from sqlalchemy import create_engine, select",
    "import lightgbm as lgb",
    "from catboost import CatBoostClassifier, Pool",
    "import xgboost as xgb",
    "import polars as pl_frame",
    "import einops",
    "from jinja2 import Environment, FileSystemLoader",
    "import networkx as nx",
    "from dateutil import parser as date_parser",
    "import optuna",
];

/// Splitmix64 (Steele, Lea, Flood 2014).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    /// The first ones are the likely ones.
    fn often_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        let (one, other) = (self.below(all.len()), self.below(all.len()));
        all[one * other / all.len()]
    }
}

/// Makes `files` Python files below `root`.
pub fn make(root: &Path, files: usize) {
    let areas = files.div_ceil(AREA);
    let mut left = files;
    for area in 0..areas {
        let mut dice = Dice(u64::try_from(area).unwrap());
        for (path, place) in area_files(area) {
            if left == 0 {
                return;
            }
            left -= 1;
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = match place {
                Place::Init => String::new(),
                place => module(&mut dice, area, areas, place),
            };
            fs::write(path, text).unwrap();
        }
    }
}

#[derive(Clone, Copy)]
enum Place {
    Init,
    Module { package: usize },
    Script,
    Test,
}

/// The paths of one area: 100 of them.
fn area_files(area: usize) -> Vec<(String, Place)> {
    let modules = (AREA - SCRIPTS - TESTS - 1) / PACKAGES - 1;
    let mut files = vec![(format!("area_{area}/__init__.py"), Place::Init)];
    for package in 0..PACKAGES {
        files.push((format!("area_{area}/part_{package}/__init__.py"), Place::Init));
        for module in 0..modules {
            files.push((format!("area_{area}/part_{package}/module_{module}.py"), Place::Module { package }));
        }
    }
    for script in 0..SCRIPTS {
        files.push((format!("scripts_{area}/run_{script}.py"), Place::Script));
    }
    let test = files.len()..AREA;
    files.extend(test.map(|test| (format!("tests/area_{area}/test_{test}.py"), Place::Test)));
    files
}

/// A file of 150 to 300 lines.
fn module(dice: &mut Dice, area: usize, areas: usize, place: Place) -> String {
    let mut text = String::with_capacity(12_000);
    let topic = dice.of(&["features", "training", "evaluation", "loading", "storage", "reports"]);
    let _ =
        write!(text, "\"\"\"Part of area {area}: {topic}.\n\nMade for measuring; it is not run.\n\"\"\"\n");
    if dice.one_in(2) {
        text.push_str("from __future__ import annotations\n\n");
    }
    for _ in 0..3 + dice.below(4) {
        let _ = writeln!(text, "{}", dice.of(&STANDARD));
    }
    text.push('\n');
    for _ in 0..=dice.below(5) {
        let _ = writeln!(text, "{}", dice.often_of(&THIRD_PARTY));
    }
    if dice.one_in(10) {
        text.push_str("\ntry:\n    import ujson as fast_json\nexcept ImportError:\n    fast_json = None\n");
    }
    if dice.one_in(20) {
        text.push_str("\nif TYPE_CHECKING:\n    from numpy.typing import NDArray\n");
    }
    text.push('\n');
    for _ in 0..=dice.below(3) {
        let from = if dice.one_in(4) { dice.below(areas) } else { area };
        let (package, module) = (dice.below(PACKAGES), dice.below(9));
        let _ = match dice.below(3) {
            0 => writeln!(text, "import area_{from}.part_{package}.module_{module}"),
            1 => writeln!(text, "from area_{from}.part_{package} import module_{module}"),
            _ => writeln!(text, "from area_{from}.part_{package}.module_{module} import Runner, summarise"),
        };
    }
    if let Place::Module { package } = place {
        for _ in 0..dice.below(3) {
            let _ = match dice.below(3) {
                0 => writeln!(text, "from .module_{} import build_{}", dice.below(9), dice.below(9)),
                1 => {
                    writeln!(text, "from ..part_{} import module_{}", (package + 1) % PACKAGES, dice.below(9))
                }
                _ => writeln!(text, "from . import module_{}", dice.below(9)),
            };
        }
    }
    if matches!(place, Place::Test) {
        text.push_str("import pytest\n");
    }
    text.push_str("\nlogger = logging.getLogger(__name__)\n");
    let lines = 150 + dice.below(151);
    let mut number = 0;
    while text.lines().count() < lines {
        piece(&mut text, dice, number);
        number += 1;
    }
    if matches!(place, Place::Script) {
        text.push_str("\n\nif __name__ == \"__main__\":\n    main_0(sys.argv[1:])\n");
    }
    text
}

/// One function or class.
fn piece(text: &mut String, dice: &mut Dice, number: usize) {
    let noun = dice.of(&["batch", "frame", "signal", "record", "sample", "score", "vector", "window"]);
    let verb = dice.of(&["build", "collect", "filter", "join", "load", "measure", "normalise", "split"]);
    let limit = dice.below(1000);
    let pieces: [&str; 9] = [FUNCTION, CLASS, NETWORK, TABLES, MAIN, READER, CONSTANTS, ASYNC, LAZY];
    // The last ones are rarer.
    let chosen = dice.below(32);
    let chosen = if chosen < 28 { chosen % 6 } else { 5 + (chosen - 28) % 4 };
    let filled = pieces[chosen]
        .replace("NOUN", noun)
        .replace("VERB", verb)
        .replace("NUMBER", &number.to_string())
        .replace("LIMIT", &limit.to_string());
    text.push_str("\n\n");
    text.push_str(&filled);
}

const FUNCTION: &str = r#"def VERB_NOUN_NUMBER(values: List[float], *, limit: int = LIMIT, name: str = "NOUN") -> Dict[str, Any]:
    """VERB every NOUN below the limit.

    Args:
        values: what has been measured, in order.
        limit: where to stop.
    """
    found = {}
    total = 0.0
    for index, value in enumerate(values):
        if value is None or math.isnan(value):
            logger.debug("no NOUN at %d", index)
            continue
        total += value ** 2 - 3 * value + LIMIT / 7
        if index > limit and total > 1e6:
            break
        found[f"{name}_{index}"] = round(total / (index + 1), 4)
    kept = [key for key, value in found.items() if value > 0 and not key.endswith("_0")]
    mean = np.mean([found[key] for key in kept]) if kept else 0.0
    return {"mean": mean, "count": len(kept), "kept": sorted(kept), "limit": limit}
"#;

const CLASS: &str = r#"class NOUNRunnerNUMBER:
    """Keeps what VERB has found."""

    defaults = {"limit": LIMIT, "name": "NOUN", "ratio": 0.25, "tags": ["a", "b", "c"]}

    def __init__(self, path: str, limit: int = LIMIT, callback=None):
        self.path = Path(path)
        self.limit = limit
        self.callback = callback or (lambda *args, **kwargs: None)
        self._cache: Dict[str, Any] = {}

    @property
    def size(self) -> int:
        return sum(len(value) for value in self._cache.values() if hasattr(value, "__len__"))

    @staticmethod
    def key(*parts: Any) -> str:
        return "-".join(str(part).lower().strip() for part in parts if part)

    def VERB(self, items, strict=False):
        for item in items:
            key = self.key(item, self.limit, "NOUN")
            try:
                self._cache[key] = self.callback(item, limit=self.limit)
            except (KeyError, ValueError) as error:
                if strict:
                    raise RuntimeError(f"no NOUN for {item!r}") from error
                logger.warning("skipped %s: %s", item, error)
            finally:
                self.limit -= 1
        return self
"#;

const NETWORK: &str = r#"class NOUNNetNUMBER(nn.Module):
    def __init__(self, width: int = LIMIT, depth: int = 4, dropout: float = 0.1):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Sequential(nn.Linear(width, width // 2), nn.GELU(), nn.Linear(width // 2, 1))

    def forward(self, x, mask=None):
        for layer in self.layers:
            residual = x
            x = self.dropout(F.relu(layer(self.norm(x)))) + residual
        if mask is not None:
            x = x.masked_fill(mask[..., None] == 0, float("-inf"))
        return self.head(x).squeeze(-1)

    @torch.no_grad()
    def VERB(self, loader, device="cpu"):
        self.eval()
        outputs = []
        for batch in tqdm(loader, desc="NOUN", leave=False):
            outputs.append(self(batch["x"].to(device)).cpu().numpy())
        return np.concatenate(outputs) if outputs else np.empty((0,))
"#;

const TABLES: &str = r#"def VERB_table_NUMBER(frame, column="NOUN", limit=LIMIT):
    frame = frame.copy()
    frame[column] = frame[column].fillna(0).clip(lower=0, upper=limit)
    frame["share"] = frame[column] / frame.groupby("group")[column].transform("sum").replace(0, 1)
    grouped = (
        frame[frame["share"] > 0.01]
        .groupby(["group", "day"], as_index=False)
        .agg(total=(column, "sum"), mean=(column, "mean"), count=(column, "size"))
        .sort_values(["group", "total"], ascending=[True, False])
    )
    for lag in (1, 7, 28):
        grouped[f"total_lag_{lag}"] = grouped.groupby("group")["total"].shift(lag)
    wide = grouped.pivot(index="day", columns="group", values="total").fillna(0.0)
    assert wide.shape[0] <= limit * 366, f"too many days: {wide.shape}"
    return wide, grouped.loc[grouped["count"] > 2]
"#;

const MAIN: &str = r#"def main_NUMBER(argv=None):
    parser = argparse.ArgumentParser(description="VERB every NOUN")
    parser.add_argument("--data", type=str, default="data/NOUN.csv", help="where the NOUN is")
    parser.add_argument("--limit", type=int, default=LIMIT)
    parser.add_argument("--seed", type=int, default=0, choices=range(10))
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.DEBUG if args.verbose else logging.INFO)
    random.seed(args.seed)
    with open(args.data, encoding="utf-8") as source:
        rows = [line.rstrip("\n").split(",") for line in source if line.strip()]
    header, *body = rows
    result = {name: [row[at] for row in body] for at, name in enumerate(header)}
    os.makedirs("outputs", exist_ok=True)
    with open(os.path.join("outputs", "NOUN.json"), "w") as target:
        json.dump(result, target, indent=2, sort_keys=True)
    return 0 if len(body) < args.limit else 1
"#;

const READER: &str = r#"@dataclass(frozen=True)
class NOUNReaderNUMBER:
    root: Path
    pattern: str = "*.NOUN"
    limit: int = LIMIT
    names: List[str] = field(default_factory=list)

    def __iter__(self):
        for path in sorted(self.root.rglob(self.pattern))[: self.limit]:
            name, _, version = path.stem.partition("_v")
            if self.names and name not in self.names:
                continue
            match = re.match(r"(?P<group>[a-z]+)-(?P<number>\d{2,4})", name)
            if match is None:
                yield name, None
            else:
                yield match["group"], int(match["number"]) * (2 if version else 1)

    def VERB(self) -> Tuple[int, float]:
        counts = collections.Counter(group for group, number in self if number)
        total = sum(counts.values())
        return total, max(counts.values(), default=0) / total if total else 0.0
"#;

const CONSTANTS: &str = r#"NOUN_TABLE_NUMBER = {
    "first": {"weight": 0.125, "limit": LIMIT, "names": ["alpha", "beta", "gamma", "delta"]},
    "second": {"weight": 0.25, "limit": LIMIT + 1, "names": ["epsilon", "zeta", "eta", "theta"]},
    "third": {"weight": 0.5, "limit": LIMIT + 2, "names": ["iota", "kappa", "lambda", "mu"]},
    "fourth": {"weight": 1.0, "limit": LIMIT + 3, "names": ["nu", "xi", "omicron", "pi"]},
}
"#;

const ASYNC: &str = r#"async def VERB_all_NUMBER(session, urls, limit=LIMIT):
    results = []
    async with session:
        async for url in urls:
            response = await session.get(url, timeout=limit)
            match response.status:
                case 200 | 201:
                    results.append(await response.json())
                case status if status >= 500:
                    logger.error("NOUN: %s", status)
                case _:
                    continue
    return [result for result in results if (name := result.get("NOUN")) and len(name) < limit]
"#;

const LAZY: &str = r#"def VERB_lazily_NUMBER(path, kind="NOUN"):
    import importlib
    import pyarrow.parquet as pq

    if kind == "NOUN":
        plugin = importlib.import_module("area_0.part_1.module_2")
        return plugin.Runner(path).VERB([LIMIT])
    table = pq.read_table(path)
    from tabulate import tabulate

    print(tabulate(table.to_pandas().head(LIMIT), headers="keys"))
    return subprocess.run(["python", "-m", "pip", "--version"], check=False).returncode
"#;
