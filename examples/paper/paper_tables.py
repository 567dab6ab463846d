"""The paper's figures on car parts as data, and what is printed and drawn beside them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from car_recog.evaluation.intervals import wilson
from car_recog.evaluation.plots import new_figure, save

Run = dict[str, Any]
"""What is kept of one training; the experiments make it by `train_and_judge`."""

N_PHOTOS = 11_059
N_TEST = 53
LABELS = {
    "resnet50": "ResNet50",
    "inception_v3": "InceptionV3",
    "mobilenet_v2": "MobileNetV2",
    "cross_entropy": "cross-entropy",
    "binary_crossentropy": "binary cross-entropy",
    "focal": "focal loss",
}


@attrs.frozen
class PaperRun:
    """One row of the paper's Tables 1 and 2. Accuracies are fractions."""

    backbone: str
    loss: str
    accuracy: float
    train_loss: float
    val_accuracy: float
    val_loss: float
    n_wrong: int


PAPER = (
    PaperRun("resnet50", "cross_entropy", 0.9867, 0.2303, 0.9662, 0.2992, 2),
    PaperRun("resnet50", "focal", 0.9609, 0.0910, 0.9781, 0.0666, 0),
    PaperRun("inception_v3", "cross_entropy", 0.9835, 0.1209, 0.9894, 0.0921, 2),
    PaperRun("inception_v3", "focal", 0.9674, 0.0444, 0.9882, 0.0276, 1),
)

ABOUT_THE_DATA = f"""\
Which photos the paper used
- Known from the paper: {N_PHOTOS:,} photos, 70 % for training and 30 % for validation, photo by photo, and {N_TEST} others for the test.
  CompCars has 27,618 photos of parts.
- Known from the notebooks the authors published: the {N_PHOTOS:,} are the eight official train lists, train_part_1.txt to
  train_part_8.txt. The {N_TEST} are typed in, said to come from the test set: 19 air intakes, 12 gear levers, 6 steering wheels,
  4 dashboards, 3 of each other part. The strength of L2 is 0.001; ours is 0.0001.
- Not known: seeds, how the {N_TEST} were chosen, and how photos of one car fall on the sides.
- Their 30 % is no held-out side: the notebooks shuffle all photos anew in every pass before they cut them. Ours is cut once, by the seed.
"""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay a table out in Markdown, with columns of even width for the terminal."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines)


def table_1(runs: Sequence[Run]) -> str:
    """Training and validation, the paper's figures above ours."""
    rows = []
    for (backbone, loss), ours in by_kind(runs):
        name = [label(backbone), label(loss)]
        for paper in _of_paper(backbone, loss):
            values = [f"{paper.accuracy:.4f}", f"{paper.train_loss:.4f}", f"{paper.val_accuracy:.4f}", "", f"{paper.val_loss:.4f}"]
            rows.append([*name, "paper", *values])
        for run in ours:
            last = {column: values[-1] for column, values in run["history"].items()}
            values = [f"{last['accuracy']:.4f}", f"{last['loss']:.4f}", f"{run['val']['accuracy']:.4f}", between(run["val"]["interval"])]
            rows.append([*name, f"seed {run['seed']}", *values, f"{last['val_loss']:.4f}"])
        if len(ours) > 1:
            columns = (_last(ours, "accuracy"), _last(ours, "loss"), [run["val"]["accuracy"] for run in ours], [], _last(ours, "val_loss"))
            rows.append([*name, f"mean of {len(ours)} (sd)", *(spread(values) if values else "" for values in columns)])
    header = ["backbone", "loss", "run", "training accuracy", "training loss", "validation accuracy", "95 % interval", "validation loss"]
    return table(header, rows)


def table_2(runs: Sequence[Run]) -> str:
    """The test: the paper's 53 photos, all of ours, and a draw of 53 of ours."""
    rows = []
    for (backbone, loss), ours in by_kind(runs):
        name = [label(backbone), label(loss)]
        for paper in _of_paper(backbone, loss):
            accuracy, interval = 1 - paper.n_wrong / N_TEST, wilson(N_TEST - paper.n_wrong, N_TEST)
            rows.append([*name, "paper", str(N_TEST), str(paper.n_wrong), f"{accuracy:.4f}", between(interval)])
        for run in ours:
            is_smaller = run["drawn"]["n_photos"] < run["test"]["n_photos"]
            for side, words in (("test", "all"), ("drawn", "draw"))[: 1 + is_smaller]:
                judged = run[side]
                values = [str(judged["n_photos"]), str(judged["n_wrong"]), f"{judged['accuracy']:.4f}", between(judged["interval"])]
                rows.append([*name, f"seed {run['seed']}, {words}", *values])
        if len(ours) > 1:
            rows.append([*name, f"mean of {len(ours)} (sd), all", "", "", spread([run["test"]["accuracy"] for run in ours]), ""])
    return table(["backbone", "loss", "run", "photos", "wrong", "accuracy", "95 % interval"], rows)


def table_of_speed(runs: Sequence[Run]) -> str:
    """Photos per second of each backbone: the median of its runs."""
    rows = []
    for backbone in dict.fromkeys(run["backbone"] for run in runs):
        mine = [run["photos_per_second"] for run in runs if run["backbone"] == backbone]
        rows.append([label(backbone), *(f"{np.median([speed[way] for speed in mine]):.1f}" for way in ("training", "prediction"))])
    return table(["backbone", "training, photos/s", "prediction, photos/s"], rows)


def report(runs: Sequence[Run]) -> str:
    """All tables as one text in Markdown."""
    n = {side: sorted({run[side]["n_photos"] for run in runs}) for side in ("train", "val", "test")}
    photos = ", ".join(f"{' or '.join(map(str, counts))} {side}" for side, counts in n.items())
    return "\n".join(
        [
            "Table 1: training and validation",
            "",
            table_1(runs),
            "",
            f"Ours: {photos} photos. Training accuracy is the running one of the last epoch, with dropout. Losses hold the",
            "L2 term, and those of focal loss are on another scale: compare accuracies. The paper's validation photos had been trained on.",
            "",
            "Table 2: test",
            "",
            table_2(runs),
            "",
            f"'draw' is {N_TEST} of our test photos, drawn by the seed: as wide as the paper's test.",
            "",
            "Speed",
            "",
            table_of_speed(runs),
            "",
        ]
    )


def draw_figure(runs: Sequence[Run], path: Path) -> Path:
    """Draw Fig. 1: a column per backbone and loss."""
    return draw_curves({f"{label(backbone)}, {label(loss)}": ours for (backbone, loss), ours in by_kind(runs)}, path)


def draw_curves(columns: Mapping[str, Sequence[Run]], path: Path) -> Path:
    """Draw accuracy above and loss below, side by side for each title, a line per run. Each loss has its own scale."""
    figure = new_figure(3.1 * len(columns) + 0.6, 5.6)
    axes = figure.subplots(2, len(columns), sharex=True, squeeze=False)
    for plot in axes[0]:
        plot.set_ylim(-0.02, 1.02)
    for column, (title, ours) in zip(axes.T, columns.items(), strict=True):
        column[0].set_title(title, fontsize=10)
        for plot, name in zip(column, ("accuracy", "loss"), strict=True):
            for i, run in enumerate(ours):
                epochs = range(1, len(run["history"][name]) + 1)
                for prefix, words, colour in (("", "training", "C0"), ("val_", "validation", "C1")):
                    values = run["history"][prefix + name]
                    plot.plot(epochs, values, marker=".", color=colour, alpha=1 / len(ours) ** 0.5, label=None if i else words)
            plot.grid(alpha=0.3)
            plot.xaxis.get_major_locator().set_params(integer=True)
        column[1].set_xlabel("epoch")
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("loss, each on its own scale")
    axes[0, 0].legend(fontsize=9)
    return save(figure, path)


def by_kind(runs: Sequence[Run]) -> list[tuple[tuple[str, str], list[Run]]]:
    """Gather the runs of each backbone and loss; the seeds in order."""
    kinds = dict.fromkeys((run["backbone"], run["loss"]) for run in runs)
    return [(kind, sorted((r for r in runs if (r["backbone"], r["loss"]) == kind), key=lambda r: r["seed"])) for kind in kinds]


def label(name: str) -> str:
    """Word the name of a backbone or a loss as the paper does."""
    return LABELS.get(name, name)


def between(interval: Sequence[float]) -> str:
    """Word an interval."""
    return "{:.3f} to {:.3f}".format(*interval)


def spread(values: Sequence[float]) -> str:
    """Word mean and standard deviation."""
    return f"{np.mean(values):.4f} ({np.std(values, ddof=1):.4f})"


def _of_paper(backbone: str, loss: str) -> list[PaperRun]:
    return [row for row in PAPER if (row.backbone, row.loss) == (backbone, loss)]


def _last(runs: Sequence[Run], column: str) -> list[float]:
    return [run["history"][column][-1] for run in runs]
