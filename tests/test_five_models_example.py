"""The five models, small, on drawn photos: a sweep, the ladder, their pages and the best."""

import json

import pytest


@pytest.fixture
def example(import_example):
    return import_example("five_models.py")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Training has collapsed")
def test_a_sweep_and_the_ladder_leave_pages_and_the_best(example, tmp_path, capsys):
    out = tmp_path / "out"

    example.main(["--synthetic", "--alpha", "0.25", "--epochs", "1", "--sweep", "1e-3", "1e-4", "--plateau", "--quiet", "--out", str(out)])

    rates, ladder = (json.loads((out / name / "comparison.json").read_text()) for name in ("sweep", "ladder"))
    assert [one["name"] for one in rates["contenders"]] == ["learning rate 0.001", "learning rate 0.0001"]
    assert ladder["contenders"][4]["name"] == f"MobileNet, {rates['best']}"
    assert f"car-recog predict {out / 'ladder' / 'best'} PHOTO" in capsys.readouterr().out
    assert all((path / "photos.png").is_file() for path in (out / "ladder").glob("?-*"))


def test_a_class_that_is_not_there_is_named(example, tmp_path):
    for name in ("Nano", "Creta"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()

    with pytest.raises(SystemExit, match=r"No such classes: \['Creat'\]\. There are: \['Creta', 'Nano'\]"):
        example.main(["--photos", str(tmp_path), "--classes", "Creat", "Nano", "--out", str(tmp_path / "out")])
