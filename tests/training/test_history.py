import csv
from pathlib import Path

from car_recog.training.history import History


def test_a_history_is_written_with_all_columns(tmp_path: Path) -> None:
    history = History([{"phase": "head", "epoch": 1, "loss": 0.5}, {"phase": "all", "epoch": 2, "loss": 0.25, "val_loss": 0.4}])

    history.to_csv(tmp_path / "history.csv")

    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"phase": "head", "epoch": "1", "loss": "0.5", "val_loss": ""}
    assert rows[1]["val_loss"] == "0.4"
    assert history.phases == ["head", "all"]
