"""Photos for the examples where there are none: invented cars, named by make, model and year, as owners and sellers would show them."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from car_recog.data.drawing import Look
from car_recog.data.drawn_cars import paint_car
from car_recog.data.drawn_parts import paint_part

MAKES = ("Aurelia", "Borea", "Corvo", "Delphin")
PER_MAKE = 2
_INSIDE = (5, 6, 7, 8)
_SIZE = (72, 96)
_PAINTS = ("red", "blue", "green", "beige")


def draw_brands(folder: Path, *, n_photos: int, seed: int = 0) -> Path:
    """Draw photos named `Make_Model_Year_number.jpg`, of the first make four times as many as of the last, and one without such a name."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    shares = 4.0 ** -np.linspace(0, 1, len(MAKES))
    for number, make in enumerate(rng.choice(len(MAKES), n_photos, p=shares / shares.sum())):
        model = PER_MAKE * int(make) + number % PER_MAKE
        _draw_car(model, rng).save(folder / _name(model, number, rng))
    _draw_car(0, rng).save(folder / "IMG_0001.jpg")
    return folder


def draw_listings(folder: Path, *, n_photos: int, seed: int = 0) -> Path:
    """Draw what sellers upload: cars on a white page and, under names like theirs, interiors and papers: one in eight."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(n_photos):
        model = number % (PER_MAKE * len(MAKES))
        picture = _draw_other(rng) if rng.random() < 1 / 8 else _on_page(_draw_car(model, rng), rng)
        picture.save(folder / _name(model, number, rng))
    return folder


def draw_cars_and_others(folder: Path, *, n_photos: int, seed: int = 1) -> Path:
    """Draw a folder `car` and a folder `other`, to learn what a listing photo of a car is."""
    rng = np.random.default_rng(seed)
    for kind in ("car", "other"):
        (folder / kind).mkdir(parents=True)
    for number in range(n_photos):
        if number % 2:
            _draw_other(rng).save(folder / "other" / f"{number}.jpg")
        else:
            _on_page(_draw_car(number // 2 % (PER_MAKE * len(MAKES)), rng), rng).save(folder / "car" / f"{number}.jpg")
    return folder


def _name(model: int, number: int, rng: np.random.Generator) -> str:
    return f"{MAKES[model // PER_MAKE]}_M{model}_{rng.integers(2009, 2015)}_{number}.jpg"


def _draw_car(model: int, rng: np.random.Generator) -> Image.Image:
    """Draw a car in its make's paint, but one in eight in white, which tells nothing: a tiny network can learn that much in a minute."""
    paint = "white" if rng.random() < 1 / 8 else _PAINTS[model // PER_MAKE]
    return paint_car(int(rng.integers(1, 6)), model, rng, _SIZE, look=Look.draw_individual(model, paint, rng))[0]


def _on_page(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Put a photo somewhere on a larger white page."""
    page = Image.new("RGB", (2 * photo.width, 2 * photo.height), "white")
    page.paste(photo, (int(rng.integers(4, photo.width - 4)), int(rng.integers(4, photo.height - 4))))
    return page


def _draw_other(rng: np.random.Generator) -> Image.Image:
    """Draw part of an interior, or a paper with lines of writing."""
    if rng.random() < 0.5:
        return paint_part(int(rng.choice(_INSIDE)), int(rng.integers(8)), rng, (144, 192))
    paper = Image.new("RGB", (192, 144), "white")
    pen = ImageDraw.Draw(paper)
    for top in range(12, 136, 10):
        pen.line([(15, top), (int(rng.integers(60, 178)), top)], fill=(40, 40, 60), width=2)
    return paper
