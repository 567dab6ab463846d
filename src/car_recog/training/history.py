"""What happened in each epoch of each phase."""

import csv
from pathlib import Path

import attrs

from car_recog.storage import atomic_file


@attrs.frozen
class History:
    """The epochs of a training, over all phases.

    Args:
        rows: One per epoch: phase, epoch (from 1 on, over all phases), seconds, learning_rate, loss, accuracy and, with validation,
            val_loss and val_accuracy.
    """

    rows: list[dict[str, float | int | str]] = attrs.field(factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def phases(self) -> list[str]:
        """Names of the phases, in order."""
        return list(dict.fromkeys(str(row["phase"]) for row in self.rows))

    @property
    def history(self) -> dict[str, list[float | int | str]]:
        """The columns by name, as the history of Keras gives them."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return {name: [row.get(name, float("nan")) for row in self.rows] for name in names}

    def to_csv(self, path: Path) -> None:
        """Write one line per epoch."""
        with atomic_file(path) as part, part.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.history))
            writer.writeheader()
            writer.writerows(self.rows)
