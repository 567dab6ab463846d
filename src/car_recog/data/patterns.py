"""What the name of a photo tells: named groups of a pattern, of one's own or for a common scheme."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from car_recog.errors import DataError, OptionError, suggestion

LEVELS = ("make", "model", "year")
"""What tells a car, each within the one before: a model belongs to a make."""

_YEAR = r"(?P<year>(?:19|20)\d\d)(?!\d)"

PATTERNS = {
    "make_model_year": rf"^(?P<make>[^_]+)_(?P<model>.+?)_{_YEAR}",
    "make$$model$$year": rf"^(?P<make>[^$]+)\$\$(?P<model>[^$]+)\$\${_YEAR}",
    "make/model/year": rf"^(?P<make>[^/]+)/(?P<model>[^/]+)/{_YEAR}[^/]*/",
}
"""Common schemes by name: what names begin with. What follows may be anything."""

_PART = "label_"


def read_names(
    paths: Sequence[Path], pattern: str, *, root: Path, label: str | Sequence[str] | None = None
) -> list[tuple[str, dict[str, str] | None]]:
    """Read the named groups of every name; see `FolderDataset`.

    Returns:
        The name of each photo and what it tells, the class as `label`; None where there is no match, or a part of the class is empty.

    Raises:
        DataError: No regular expression, or one without a class.
        OptionError: A label that is no group of the pattern.
    """
    compiled = compile_pattern(PATTERNS.get(pattern, pattern))
    parts = _class_parts(pattern, list(compiled.groupindex), label=label)
    read = []
    for name, match in search(compiled, paths, root):
        facts = {key.removeprefix(_PART): value for key, value in match.groupdict().items() if value is not None} if match else {}
        is_told = all(facts.get(part) for part in parts)
        read.append((name, facts | {"label": "/".join(facts[part] for part in parts)} if is_told else None))
    return read


def _class_parts(pattern: str, groups: list[str], *, label: str | Sequence[str] | None) -> list[str]:
    """Name what makes up the class."""
    own = [group.removeprefix(_PART) for group in groups if group == "label" or group.startswith(_PART)]
    if label is None and own:
        return own
    if label is None and pattern not in PATTERNS:
        raise DataError(
            f"label_pattern needs a group named label, as in '(?P<label>[^_]+)_.*', or a label= that names another; got {pattern!r}."
            f"{suggestion(pattern, PATTERNS)} Common schemes have names: {', '.join(PATTERNS)}."
        )
    offered = [group.removeprefix(_PART) for group in groups]
    names = [label or "model"] if isinstance(label, str | None) else list(label)
    if not names or not set(names) <= set(offered):
        raise OptionError(f"label must name groups of the label_pattern: {', '.join(offered) or 'it has none'}; got {label!r}.")
    if len(names) == 1 and names[0] in LEVELS and not isinstance(label, list | tuple):
        return [level for level in LEVELS[: LEVELS.index(names[0]) + 1] if level in offered]
    return names


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Read a regular expression, or say why it is none."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise DataError(f"{pattern!r} is not a regular expression: {error}.") from error


def search(pattern: re.Pattern[str], paths: Iterable[Path], root: Path) -> list[tuple[str, re.Match[str] | None]]:
    """Give every name and what matches in it; the name is the path below `root` where the pattern holds a `/`."""
    names = [path.relative_to(root).as_posix() if "/" in pattern.pattern else path.name for path in paths]
    return [(name, pattern.search(name)) for name in names]
