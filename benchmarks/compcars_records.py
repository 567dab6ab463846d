"""How long the views of CompCars take at full size, where only names matter: the tree is laid out with empty photos and genuine labels.

    python benchmarks/compcars_records.py records

`records` holds CSV files with the columns make_id, model_id, released_year, image_name, view_point, x1, y1, x2, y2. Each view is timed in
a process of its own that has never seen the tree, and once more in that process. Prints a table, and with --json one line per view.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from car_recog import CompCarsDataset

VIEWS = ("models", "makes")
COLUMNS = ("view_point", "x1", "y1", "x2", "y2")


def read_records(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """Give place, as `78/1/2013/x.jpg`, and viewpoint, x1, y1, x2, y2 of each photo."""
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            rows = csv.DictReader(file)
            if set(COLUMNS) <= set(rows.fieldnames or ()):
                for row in rows:
                    year = row["released_year"].removesuffix(".0") or "unknown"
                    yield f"{row['make_id']}/{row['model_id']}/{year}/{row['image_name']}", [int(row[name]) for name in COLUMNS]


def lay_out(records: Iterable[tuple[str, list[int]]], root: Path) -> None:
    """Write an empty photo and a label for each record."""
    folders = set()
    for place, (viewpoint, *box) in records:
        photo, label = root / "data" / "image" / place, (root / "data" / "label" / place).with_suffix(".txt")
        if photo.parent not in folders:
            folders.add(photo.parent)
            photo.parent.mkdir(parents=True, exist_ok=True)
            label.parent.mkdir(parents=True, exist_ok=True)
        photo.touch()
        label.write_text(f"{viewpoint}\n1\n{' '.join(map(str, box))}\n", newline="\n")


def measure(root: Path, view: str) -> dict[str, object]:
    """Time a view twice in this process; the second time also what the processor worked, whatever else ran beside."""
    seconds = []
    for _ in range(2):
        start, worked = time.perf_counter(), time.process_time()
        data = getattr(CompCarsDataset(root), view)()
        seconds.append(round(time.perf_counter() - start, 2))
        cpu = round(time.process_time() - worked, 2)
    return {"view": view, "n_photos": len(data), "n_classes": len(data.class_names), "first": seconds[0], "again": seconds[1], "cpu": cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, help="folder of the CSV files")
    parser.add_argument("--json", type=Path, help="append one line per view to this file")
    parser.add_argument("--measure", choices=VIEWS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.records, args.measure)))
        return
    with TemporaryDirectory() as folder:
        start, records = time.perf_counter(), list(read_records(args.records))
        lay_out(records, Path(folder))
        print(f"{len(records)} photos and labels laid out in {time.perf_counter() - start:.0f} s\n")
        print(f"{'view':8} {'photos':>8} {'classes':>8} {'first, s':>9} {'again, s':>9} {'CPU, s':>8}")
        for view in VIEWS:
            done = subprocess.run([sys.executable, __file__, folder, "--measure", view], stdout=subprocess.PIPE, text=True, check=True)
            row = json.loads(done.stdout)
            times = f"{row['first']:9.2f} {row['again']:9.2f} {row['cpu']:8.2f}"
            print(f"{view:8} {row['n_photos']:8} {row['n_classes']:8} {times}", flush=True)
            if args.json:
                with args.json.open("a") as file:
                    file.write(done.stdout)


if __name__ == "__main__":
    main()
