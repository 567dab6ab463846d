"""Answers as they come: to the screen or to a file, as CSV, JSON or a JSON document a line."""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from car_recog.errors import OptionError
from car_recog.storage import atomic_file

FORMS = ("table", "csv", "jsonl", "json")

Row = Mapping[str, Any]
"""Plain values of one answer, for JSON."""


def add_answer_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how answers are written."""
    parser.add_argument("--format", choices=FORMS, help="how answers are written (by the ending of --out, else table)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the answers to a .csv, .jsonl or .json file")


def choose_form(args: argparse.Namespace) -> str:
    """Choose the form of the answers.

    Raises:
        OptionError: Flags that contradict each other, or a file of an unknown ending.
    """
    if args.json:
        if args.format not in (None, "json"):
            raise OptionError(f"--json and --format {args.format} exclude each other.")
        return "json"
    if args.out is None:
        return args.format or "table"
    if args.out.is_dir():
        raise OptionError(f"--out '{args.out}' is a folder; name a file.")
    form = args.format or args.out.suffix.removeprefix(".").lower()
    if form not in FORMS or form == "table":
        raise OptionError(f"--out takes a .csv, .jsonl or .json file, or --format csv, jsonl or json; got '{args.out}'.")
    return str(form)


@contextmanager
def opened(path: Path | None) -> Iterator[TextIO]:
    """Give the standard output, or a file that is there once all is written."""
    if path is None:
        yield sys.stdout
        return
    with atomic_file(path) as part, part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        yield stream


def write_csv(rows: Iterable[Row], stream: TextIO, columns: Sequence[str]) -> None:
    """Write these columns; None leaves a cell empty, fractions have six digits, and what is so or not is 1 or 0."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[name]) for name in columns] for row in rows)


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    return f"{value:.6f}" if isinstance(value, float) else "" if value is None else value


def write_jsonl(rows: Iterable[Row], stream: TextIO) -> None:
    """Write one JSON document a line."""
    for row in rows:
        stream.write(json.dumps(row) + "\n")


def write_json(rows: Iterable[Row], stream: TextIO) -> None:
    """Write one JSON list."""
    stream.write("[")
    for place, row in enumerate(rows):
        stream.write((",\n " if place else "\n ") + json.dumps(row))
    stream.write("\n]\n")
