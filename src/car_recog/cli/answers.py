"""Answers as they come: to the screen or to a file, as CSV, JSON or a JSON document a line."""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from car_recog.cli.output import FINE, FOUND_PROBLEMS, show_lines
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
    if args.json and args.format not in (None, "json"):
        raise OptionError(f"--json and --format {args.format} exclude each other.")
    asked = "json" if args.json else args.format
    if args.out is None:
        return asked or "table"
    if args.out.is_dir():
        raise OptionError(f"--out '{args.out}' is a folder; name a file.")
    ending = args.out.suffix.removeprefix(".").lower()
    if args.json and ending in ("csv", "jsonl"):
        raise OptionError(f"--json and --out '{args.out}' exclude each other.")
    form = asked or ending
    if form not in FORMS or form == "table":
        raise OptionError(f"--out takes a .csv, .jsonl or .json file, or --format csv, jsonl or json; got '{args.out}'.")
    return str(form)


def write_answers(rows: Iterable[Row], form: str, path: Path | None, *, columns: Sequence[str]) -> None:
    """Write answers as they come, to the standard output or to a file that is there once all are written.

    Args:
        rows: The answers.
        form: `"csv"`, `"jsonl"`, a document a line, or `"json"`, one list.
        path: The file.
        columns: Those of CSV, where None leaves a cell empty, fractions have six digits, and what is so or not is 1 or 0.
    """
    with _opened(path) as stream:
        if form == "csv":
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
        elif form == "jsonl":
            stream.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            stream.write("[")
            for place, row in enumerate(rows):
                stream.write((",\n " if place else "\n ") + json.dumps(row))
            stream.write("\n]\n")


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    with atomic_file(path) as part, part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        yield stream


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    return f"{value:.6f}" if isinstance(value, float) else "" if value is None else value


def finish_answers(path: Path | None, counted: str, n_broken: int) -> int:
    """Tell what was written to a file, where one was. Returns the exit code."""
    if path is not None:
        left_out = f"; {n_broken:,} of them could not be decoded" if n_broken else ""
        show_lines(f"{path}: {counted}{left_out}.")
    return FOUND_PROBLEMS if n_broken else FINE
