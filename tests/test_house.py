"""The plan of the house holds: floors, public names, a light front door."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import car_recog

SOURCE = Path(car_recog.__file__).parent

GROUND = {"_version", "errors", "packs", "plugins", "progress", "storage"}
ROOMS = {"backbones", "bundle", "card", "cohort", "data", "embeddings", "evaluation", "explain", "heads", "losses", "search", "training"}
RESIDENTS = {"classifier", "classifying", "verifier", "verifying", "gallery", "galleries", "comparison", "testing"}
RESIDENTS |= {"explanations", "loading", "network", "prediction", "runs"}
DOORS = {"cli", "web"}


def room_of(module: str) -> str:
    return module.split(".")[1]


def imports_of(path: Path) -> set[str]:
    """Name the modules of the package that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("car_recog."):
            found.add(node.module)
        elif isinstance(node, ast.ImportFrom) and node.module == "car_recog":
            found |= {f"car_recog.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("car_recog.")}
    return found


def source_files() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def test_every_module_stands_on_a_floor() -> None:
    rooms = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in source_files()}

    assert rooms == GROUND | ROOMS | RESIDENTS | DOORS


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_imports_only_from_the_floors_below(path: Path) -> None:
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    below = {
        **dict.fromkeys(GROUND, GROUND),
        **{room: GROUND | {room} for room in ROOMS},
        **dict.fromkeys(RESIDENTS, GROUND | ROOMS | RESIDENTS),
        **dict.fromkeys(DOORS, GROUND | ROOMS | RESIDENTS | DOORS),
    }

    forbidden = {module for module in imports_of(path) if room_of(module) not in below[own]}

    assert not forbidden


@pytest.mark.parametrize("folder", ["src", "tests", "examples", "benchmarks", "scripts"])
def test_no_file_is_longer_than_300_lines(folder: str) -> None:
    files = list((Path(__file__).parents[1] / folder).rglob("*.py"))

    assert files
    assert not [path for path in files if len(path.read_text("utf-8").splitlines()) > 300]


def test_every_public_name_loads_and_is_documented() -> None:
    assert len(set(car_recog.__all__)) == len(car_recog.__all__)
    for name in car_recog.__all__:
        thing = getattr(car_recog, name)
        assert name.isupper() or name.startswith("_") or (thing.__doc__ or "").strip(), name


def test_no_public_name_is_that_of_a_module() -> None:
    # Importing such a module would put it in the place of the name.
    assert not [name for name in car_recog.__all__ if (SOURCE / f"{name}.py").exists() or (SOURCE / name).exists()]


def test_every_public_name_stands_in_the_reference() -> None:
    reference = (Path(__file__).parents[1] / "docs" / "reference.md").read_text("utf-8")
    directives = {line.rpartition(".")[2] for line in reference.splitlines() if line.startswith(":::")}

    things = {name for name in car_recog.__all__ if not name.isupper() and not name.startswith("_")}
    assert things - {"CarRecogError"} <= directives
    assert "::: car_recog.errors" in reference


def test_type_checkers_see_the_names_that_load() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}

    assert seen | {"__version__"} == set(car_recog.__all__)


def test_an_unknown_name_raises_as_modules_do() -> None:
    with pytest.raises(AttributeError, match="module 'car_recog' has no attribute 'Siamese'"):
        car_recog.Siamese  # noqa: B018


def test_the_import_is_light() -> None:
    heavy = ("tensorflow", "keras", "numpy", "PIL", "jax", "matplotlib", "rich")
    code = f"import sys, car_recog; print([name for name in {heavy!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
