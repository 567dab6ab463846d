"""What CompCars tells of makes and models beside their ids: names and properties."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from car_recog.data.compcars_lists import read_lines
from car_recog.data.lists import raise_faults
from car_recog.errors import DataError

_MAX_MAT_BYTES = 16 * 2**20
_COLUMNS = ("model_id", "maximum_speed", "displacement", "door_number", "seat_number", "type")
_FACTS = ("maximum_speed", "displacement", "doors", "seats", "type")


class MissingNamesWarning(UserWarning):
    """Names lie on disk and cannot be read, so ids stand for them."""


@attrs.frozen
class CarNames:
    """Names by id, as texts; what has no name goes by its id.

    Args:
        makes: Name of each make.
        models: Name of each model.
        facts: Properties of each model, by name: type, maximum_speed, displacement, doors, seats. What is unknown is left out.
    """

    makes: Mapping[str, str] = attrs.field(factory=dict)
    models: Mapping[str, str] = attrs.field(factory=dict)
    facts: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict)
    _makes: Mapping[str, str] = attrs.field(init=False, default=attrs.Factory(lambda self: distinct(self.makes), takes_self=True))
    _models: Mapping[str, str] = attrs.field(init=False, default=attrs.Factory(lambda self: distinct(self.models), takes_self=True))

    def class_name(self, key: str) -> str:
        """Name a make by its id, or a model by `make_id/model_id`, unlike any other."""
        make, *model = key.split("/")
        return "/".join([self._makes.get(make, make), *(self._models.get(i, i) for i in model)])

    def describe(self, make: str, model: str, year: str) -> dict[str, str]:
        """Give what is known of a model as attributes of a sample."""
        named = {"make": self.makes.get(make, make), "model": self.models.get(model, model), "year": year}
        ids = {f"{key}_id": i for key, i in (("make", make), ("model", model)) if named[key] != i}
        return named | ids | dict(self.facts.get(model, {}))


def distinct(names: Mapping[str, str]) -> dict[str, str]:
    """Append the id to names that several ids share: CompCars has two makes Lotus.

    Example:
        >>> distinct({"5": "Audi", "133": "Lotus", "141": "Lotus"})
        {'5': 'Audi', '133': 'Lotus (133)', '141': 'Lotus (141)'}
    """
    count = Counter(names.values())
    return {i: name if count[name] == 1 else f"{name} ({i})" for i, name in names.items()}


def read_names(misc: Path) -> CarNames:
    """Read `data/misc`; of what is not there nothing is known.

    Raises:
        DataError: A file holds something else than it should.
    """
    table, kinds = _readable(misc / "make_model_name.mat", misc / "car_type.mat")
    makes, models = (_column(table, key) for key in ("make_names", "model_names"))
    return CarNames(_by_id(makes), _by_id(models), _read_facts(misc / "attributes.txt", _column(kinds, "types")))


def read_surveillance_names(path: Path) -> dict[str, tuple[str, str, str]]:
    """Read make, model and id among the other photos of each folder of the surveillance set, by folder id."""
    (table,) = _readable(path)
    rows = [] if table is None else [_texts(table, row) for row in _load(table, "sv_make_model_name")]
    if any(len(row) != 3 for row in rows):
        raise _odd(path, "rows of make, model and model id")
    return {str(i): (row[0], row[1], row[2]) for i, row in enumerate(rows, 1)}


def _by_id(names: Sequence[str]) -> dict[str, str]:
    """Number names as MATLAB does, from 1; some are empty."""
    return {str(i): name for i, name in enumerate(names, 1) if name}


def _read_facts(path: Path, types: Sequence[str]) -> dict[str, dict[str, str]]:
    """Read the table of the models' properties; 0 is unknown."""
    if not path.is_file():
        return {}
    facts, faults = {}, []
    (_, header), *rows = read_lines(path) or [(1, "")]
    if tuple(header.split()) != _COLUMNS:
        raise DataError(f"'{path}' must begin with the line '{' '.join(_COLUMNS)}'; got '{header}'.")
    for number, line in rows:
        model, *values = line.split()
        if len(values) != len(_FACTS) or not all(value.replace(".", "", 1).isdecimal() for value in values):
            faults.append(f"line {number}: expected {len(_COLUMNS)} numbers, got '{line}'")
            continue
        known = {name: value for name, value in zip(_FACTS, values, strict=True) if float(value)}
        if (kind := known.get("type", "")).isdecimal() and int(kind) <= len(types):
            known["type"] = types[int(kind) - 1]
        facts[model] = known
    raise_faults(faults, f"'{path}'", "Restore the file or correct the lines.")
    return facts


def _readable(*paths: Path) -> list[Path | None]:
    """Put None for files that are not there; for all of them, with one warning, where SciPy is not installed."""
    present = [path for path in paths if path.is_file()]
    if present and find_spec("scipy") is None:
        told = f"The names in '{present[0]}' need SciPy to be read: ids stand for them. Install it: pip install 'car-recog[mat]'"
        warnings.warn(told, MissingNamesWarning, stacklevel=6)
        return [None] * len(paths)
    return [path if path in present else None for path in paths]


def _column(path: Path | None, key: str) -> list[str]:
    """Read the texts of a MATLAB cell array of one row or one column."""
    if path is None:
        return []
    cells = _load(path, key)
    if min(cells.shape) > 1:
        raise _odd(path, f"one row or one column of texts as '{key}'")
    return _texts(path, cells.ravel())


def _load(path: Path, key: str) -> np.ndarray:
    """Read one cell array. The format is MATLAB's up to version 7; no code in such a file is ever run."""
    from scipy.io import loadmat  # type: ignore[import-untyped]

    if path.stat().st_size > _MAX_MAT_BYTES:
        raise DataError(f"'{path}' is larger than {_MAX_MAT_BYTES // 2**20} MiB, which no file of CompCars' names is. Restore it.")
    try:
        cells = loadmat(path, variable_names=[key]).get(key)
    except Exception as error:  # SciPy's reader meets a broken file with errors of almost any kind
        raise DataError(f"Cannot read '{path}' as a MATLAB file: {error}. It is part of the official CompCars download.") from error
    if not isinstance(cells, np.ndarray) or cells.dtype != object or cells.ndim != 2 or not cells.size:
        raise _odd(path, f"a cell array '{key}'")
    return cells


def _texts(path: Path, cells: Sequence[Any] | np.ndarray) -> list[str]:
    texts = []
    for cell in cells:
        if not isinstance(cell, np.ndarray) or cell.size > 1 or (cell.size and cell.dtype.kind not in "Uiu"):
            raise _odd(path, "cells of one text or whole number each")
        texts.append(str(cell.item()).strip() if cell.size else "")
    return texts


def _odd(path: Path, expected: str) -> DataError:
    return DataError(f"'{path}' is not as CompCars has it: expected {expected}. Restore the file of the official download.")
