#!/usr/bin/env python3
"""score.py SCAF DIR [--list LIST] [--truth FOLDER] [--python ENV] [--only NAME]

Runs `SCAF env detect DIR/NAME --json` for each project that LIST names and FOLDER has an answer for, and compares.
A project's precision P is the share of the answer's `third_party` that may be named, its recall R the share of the
needed distributions that are there; it is exact when both are 1. The exit status says only whether every project was scored.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 300

# Distributions of one row provide the same modules: which of them is named says nothing about detection.
SAME = [
    "opencv-python opencv-python-headless opencv-contrib-python opencv-contrib-python-headless",
    "tensorflow tensorflow-cpu tensorflow-gpu tf-nightly",
    "lightning pytorch-lightning",
    "onnxruntime onnxruntime-gpu",
    "faiss-cpu faiss-gpu faiss-gpu-cu11 faiss-gpu-cu12",
    "cuml-cu11 cuml-cu12 cuml-cu13",
    "pillow pillow-simd",
    "pynvml nvidia-ml-py",
    "opencc opencc-python-reimplemented",
    "pytrec-eval pytrec-eval-terrier",
    "psycopg2 psycopg2-binary",
    "mxnet mxnet-cu112",
    "box2d box2d-py",
    "thop ultralytics-thop",
    "tensorrt nvidia-tensorrt",
    "paddlepaddle paddlepaddle-gpu",
]
WORDS = {
    "wrong": "wrong",
    "missing": "missing",
    "demoted": "missing (told, but not as needed)",
    "wrong_elsewhere": "wrong among optional, notebook-only and development",
    "implied_found": "implied, found",
    "implied_missing": "implied, not found",
    "implied_false": "implied, falsely",
}
ONE_NAME = {name: row.split()[0] for row in SAME for name in row.split()}


def normalised(name):
    name = re.sub(r"[-_.]+", "-", name.strip()).lower()
    return ONE_NAME.get(name, name)


def names(group):
    """A group of an answer or of the truth: an object by distribution, or a list."""
    return {normalised(name) for name in group or ()}


def compared(answer, truth):
    # Where one project could as well have meant another distribution, its own answer says so.
    same = {}
    for name, others in truth.get("alternatives", {}).items():
        same.update({normalised(other): normalised(name) for other in others})

    def names(group):
        return {same.get(name, name) for name in globals()["names"](group)}

    needed = names(truth["third_party"])
    implied = names(truth.get("implied"))
    allowed = needed | implied | names(truth.get("implied_possible"))
    allowed |= names(truth.get("optional")) | names(truth.get("dev")) | names(truth.get("git"))
    named = names(answer["third_party"])
    said_implied = names(answer.get("implied"))
    elsewhere = said_implied | names(answer.get("optional")) | names(answer.get("dev"))
    elsewhere |= names(answer.get("notebook_only"))
    return {
        "named": len(named),
        "right": len(named & allowed),
        "needed": len(needed),
        "found": len(needed & named),
        "wrong": sorted(named - allowed),
        # Told as optional, implied or for development only, a needed distribution is not in the environment.
        "demoted": sorted((needed - named) & elsewhere),
        "missing": sorted(needed - named - elsewhere),
        "wrong_elsewhere": sorted(elsewhere - named - allowed - said_implied),
        "notebook_only_right": names(truth.get("notebook_only")) == names(answer.get("notebook_only")) & needed,
        "implied_needed": len(implied),
        "implied_found": sorted(implied & (said_implied | named)),
        "implied_missing": sorted(implied - said_implied - named),
        "implied_false": sorted(said_implied - allowed),
    }


def share(part, whole):
    return part / whole if whole else 1.0


def detected(scaf, folder, python):
    command = [scaf, "env", "detect", str(folder), "--json"]
    command += ["--python", python] if python else ["--no-python"]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    took = time.monotonic() - began
    try:
        answer = json.loads(done.stdout)
        if not isinstance(answer, dict) or "third_party" not in answer:
            raise ValueError("no `third_party` in the answer")
    except ValueError as error:
        last = (done.stderr.strip().splitlines() or ["nothing on stderr"])[-1]
        raise ValueError(f"exit status {done.returncode}, {error}: {last}") from None
    return answer, took


def line(name, result, took):
    exact = result["right"] == result["named"] and result["found"] == result["needed"]
    text = (
        f"{name:<22} P {share(result['right'], result['named']):.3f}  R {share(result['found'], result['needed']):.3f}"
        f"  {'exact' if exact else '     '}  {result['needed']:3d} needed  {took:6.2f} s"
    )
    return text, exact


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("scaf")
    arguments.add_argument("dir", type=pathlib.Path)
    arguments.add_argument("--list", type=pathlib.Path, default=HERE / "development.toml")
    arguments.add_argument("--truth", type=pathlib.Path, help="default: a folder beside the list, named as it is")
    arguments.add_argument("--python", help="the environment whose distributions the answer is for")
    arguments.add_argument("--only", action="append", default=[], metavar="NAME")
    asked = arguments.parse_args()
    truths = asked.truth or asked.list.with_suffix("")
    total = dict.fromkeys(("named", "right", "needed", "found", "implied_needed"), 0)
    implied_found = implied_false = exact_count = ran = failed = notebooks = 0
    for project in tomllib.loads(asked.list.read_text())["project"]:
        name = project["name"]
        truth_file = truths / f"{name}.json"
        if (asked.only and name not in asked.only) or not truth_file.exists():
            continue
        try:
            if not (asked.dir / name).is_dir():
                raise ValueError("not downloaded: run fetch.py")
            answer, took = detected(asked.scaf, asked.dir / name, asked.python)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"{name:<22} not scored: {error}")
            continue
        result = compared(answer, json.loads(truth_file.read_text()))
        text, exact = line(name, result, took)
        print(text)
        for key, words in WORDS.items():
            if result[key]:
                print(f"    {words}: {' '.join(result[key])}")
        ran += 1
        exact_count += exact
        notebooks += result["notebook_only_right"]
        implied_found += len(result["implied_found"])
        implied_false += len(result["implied_false"])
        for key in total:
            total[key] += result[key]
    print(
        f"\n{ran} projects, {exact_count} exact, P {share(total['right'], total['named']):.4f}"
        f" ({total['right']} of {total['named']}), R {share(total['found'], total['needed']):.4f}"
        f" ({total['found']} of {total['needed']}), implied {implied_found} of {total['implied_needed']} found,"
        f" {implied_false} false, notebook-only right in {notebooks}"
    )
    if failed:
        print(f"{failed} not scored")
    sys.exit(1 if failed or not ran else 0)


if __name__ == "__main__":
    main()
