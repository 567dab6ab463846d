"""Timing side by side: each round runs every side once, so that whatever slows the machine down slows all of them.

Ratios are taken within a round. A table shows the median of all rounds, and the smallest and largest behind it.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

Row = dict[str, Any]

LOAD_BEFORE = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
LIBRARIES = ("keras", "tensorflow", "jax", "torch", "numpy", "PIL")
UNSHOWN = "each round"


def count_cores() -> int | None:
    """Cores this process may use now."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


CORES_BEFORE = count_cores()


def make_parser(doc: str | None, *, n_rounds: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=n_rounds)
    parser.add_argument("--json", type=Path, help="write the rows, and what they were measured on, to this file")
    return parser


def time_rounds(
    sides: Mapping[str, Callable[[], object]], n_rounds: int, *, prepare: Callable[[], object] = lambda: None
) -> dict[str, list[float]]:
    """Run all sides one after another, round after round.

    Args:
        sides: What is timed, by name. The first round, in which things are compiled and files first read, does not count.
        n_rounds: Rounds that count.
        prepare: Called before each round; not timed.

    Returns:
        Seconds of each round, by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(n_rounds + 1):
        prepare()
        for name, work in sides.items():
            start = time.perf_counter()
            work()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def compare(seconds: Mapping[str, Sequence[float]], *, n_photos: int, against: Sequence[str], **what: object) -> list[Row]:
    """Make a row of each side: photos per second, and how many times as fast as others it is, round by round.

    Args:
        seconds: Seconds of each round, by name of the side.
        n_photos: Photos that each side did in a round.
        against: Names of the sides that all are held against.
        **what: Further columns, the same in all rows.
    """
    rows = []
    for name, own in seconds.items():
        row: Row = {**what, "side": name, "photos/s": n_photos / statistics.median(own), "ms": 1000 * statistics.median(own)}
        for other in against:
            row[f"times {other}"] = spread([theirs / mine for theirs, mine in zip(seconds[other], own, strict=True)])
        rows.append({**row, UNSHOWN: [round(value, 5) for value in own]})
    return rows


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def report(rows: Sequence[Row], path: Path | None, **facts: object) -> None:
    """Print rows as a table; write them to a JSON file with what they were measured on."""
    machine = {
        "cores before": CORES_BEFORE,
        "cores after": count_cores(),
        "load before": LOAD_BEFORE,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: sys.modules[name].__version__ for name in LIBRARIES if name in sys.modules},
        **facts,
    }
    print(", ".join(f"{name} {_worded(value)}" for name, value in machine.items()) + "\n")
    columns = [name for name in dict.fromkeys(name for row in rows for name in row) if name != UNSHOWN]
    lines = [columns, *([_worded(row.get(name, "")) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    if path:
        path.write_text(json.dumps({"machine": machine, "rows": list(rows)}, indent=1) + "\n", "utf-8")


def add_recipe_flags(parser: argparse.ArgumentParser, variants: Iterable[str]) -> None:
    """Add the flags of benchmarks that train variants of a recipe, a row each."""
    parser.add_argument("--weights", help="a file of weights, or imagenet")
    parser.add_argument("--backbone", default="mobilenet", help="mobilenet (alpha 0.25) by default")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--variants", nargs="+", choices=variants, default=["finetune"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--photos-seen", type=int, help="length of the training; the recipe's own where not given")
    parser.add_argument("--json", type=Path, help="append one line per run to this file, and skip those that stand there")
    parser.add_argument("--verbose", action="store_true")


def _worded(value: object) -> str:
    if isinstance(value, dict):
        return f"{value['median']:.3g} ({value['min']:.3g} to {value['max']:.3g})"
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def remembered(path: Path | None, key: Row, make: Callable[[], Row]) -> Row:
    """Give the row of a file that has these values, or make it, with an empty cache of photos, print it and append it to the file."""
    import keras  # not above: some benchmarks choose the backend first, or must not load it

    from car_recog.storage import CACHE_VARIABLE

    known = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path and path.exists() else []
    if row := next((old for old in known if key.items() <= old.items()), None):
        return row
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = folder
        row = {**key, **make()}
    keras.backend.clear_session()
    print(json.dumps({column: value for column, value in row.items() if column != "settings"}), flush=True)
    if path:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    return row


def remembered_runs(args: argparse.Namespace, settings: Sequence[str], make: Callable[[str, int], Row]) -> list[Row]:
    """Give a row for each variant and seed of `add_recipe_flags`, made by `make` where the file has none with these settings."""
    of_all = {name: getattr(args, name) for name in settings}
    runs = [{"variant": name, "seed": seed, "settings": of_all} for name in args.variants for seed in args.seeds]
    return [remembered(args.json, run, partial(make, run["variant"], run["seed"])) for run in runs]
