#!/usr/bin/env python3
"""Asks azure-ai-ml, the library behind `az ml job create`, whether it accepts a job file; no account and no network.

usage: azure_validate.py JOB.yaml...    (tools.sh install azure; then bin/azure-validate JOB.yaml)

Prints one JSON object a file: {"ok": true|false, "type": "command"|..., "errors": [{"path": "...", "message": "..."}]}
Exit status: 0 all accepted, 1 one refused, 2 usage.
"""
import json
import logging
import re
import sys
import warnings


def flatten(value, path=""):
    """marshmallow's nested {field: [texts]} as (path, text) pairs."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from flatten(inner, path)
    else:
        yield path, str(value)


def of_exception(error):
    """The library puts JSON into the text of its exceptions, and marshmallow's JSON after a headline into that."""
    text = str(getattr(error, "message", None) or error)
    found = []
    start = text.find("{")
    if start >= 0:
        try:
            report = json.JSONDecoder().raw_decode(text[start:])[0]
        except ValueError:
            report = {}
        for entry in report.get("errors", []) if isinstance(report, dict) else []:
            message = entry.get("message", "")
            inner = re.search(r"\{.*\}", message, re.S)
            try:
                found += flatten(json.loads(inner.group(0))) if inner else [(entry.get("path", ""), message)]
            except ValueError:
                found.append((entry.get("path", ""), message))
    return found or [("", text.strip())]


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    # In a list, since `and` would end at the first refusal.
    return 0 if all([accepted(path) for path in sys.argv[1:]]) else 1


def accepted(path):
    """Asks about one file, prints the answer."""
    from azure.ai.ml import load_job

    kind, errors = None, []
    try:
        job = load_job(path)
        kind = str(job.type)
        if hasattr(job, "_validate"):
            result = job._validate()
            if result is not None and not result.passed:
                errors = list(flatten(result.error_messages)) or [("", "not valid")]
        if not errors and kind in ("command", "sweep"):
            # The request that `az ml job create` would send is made as that makes it: only then are names such as
            # ${{inputs.NAME}} looked up. A pipeline's request needs the workspace.
            (job._to_job() if hasattr(job, "_to_job") else job)._to_rest_object()
    except Exception as error:  # every kind of refusal is an answer here
        errors = of_exception(error)
    print(json.dumps({"ok": not errors, "type": kind, "errors": [{"path": p, "message": m} for p, m in errors]}))
    return not errors


if __name__ == "__main__":
    sys.exit(main())
