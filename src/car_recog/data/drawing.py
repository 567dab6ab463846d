"""Drawing tools of the synthetic data: a pen with its own units, the look of an invented car, and the camera that makes a photo of it."""

from collections.abc import Sequence
from functools import lru_cache
from math import cos, pi, sin, sqrt

import attrs
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Color = tuple[int, ...]
Points = np.ndarray | Sequence[tuple[float, float]]

BLACK, CHROME, WHITE, RED, AMBER = (18, 18, 20), (205, 208, 212), (250, 250, 245), (190, 16, 22), (240, 150, 30)
MODELS_PER_MAKE, MIN_SIDE = 2, 16

_SUPERSAMPLING = 2
PAINTS = {
    "white": (235, 236, 238), "black": (30, 31, 34), "silver": (150, 154, 160), "grey": (85, 90, 98), "red": (168, 22, 26),
    "blue": (26, 52, 120), "green": (60, 96, 72), "beige": (196, 176, 140), "orange": (205, 110, 24),
}  # fmt: skip
_CABINS = ((40, 40, 43), (62, 58, 56), (120, 98, 74), (168, 152, 128), (88, 30, 28))
_TRIMS = ((200, 203, 208), (28, 28, 30), (128, 84, 46), (126, 130, 136), (196, 168, 104))
_MARKS = (WHITE, (50, 80, 170), (235, 200, 40), (40, 150, 70), (200, 40, 120), (20, 20, 22), (90, 190, 220))
_GLOWS = ((235, 240, 245), (240, 60, 40), (90, 170, 250), (250, 170, 60), (120, 230, 150))


@attrs.frozen
class Style:
    """What the cars of one invented model have in common, on every photo and in every colour."""

    power: float  # of the superellipses: 2 is an ellipse, more is boxier
    slant: float
    stretch: float
    n_lamps: int
    n_slats: int
    slats: int  # 0 horizontal, 1 vertical, 2 crossed
    n_spokes: int
    n_rim_spokes: int
    layout: float  # where things sit inside: 0 low to 1 high
    hood: float  # shares of the length, else in units where a car is 2.4 long
    roof: float
    belt: float
    sill: float
    tyre: float
    has_dark_roof: bool
    tail: int  # 0 saloon, 1 hatchback, 2 estate
    trim: Color
    glow: Color
    n_corners: int  # of the emblem, shared by a make; 0 is round

    @classmethod
    def of(cls, model: int) -> "Style":
        """Look a model's style up: the same for a number in every dataset. Multiples of square roots keep the models apart."""

        def share(prime: int) -> float:
            return (0.5 + (model + 1) * sqrt(prime)) % 1

        make = model // MODELS_PER_MAKE
        return cls(
            power=2 + 4 * share(2),
            slant=0.7 * share(3) - 0.35,
            stretch=0.75 + 0.7 * share(5),
            n_lamps=1 + int(3 * share(7)),
            n_slats=3 + int(6 * share(11)),
            slats=int(3 * share(13)),
            n_spokes=2 + int(3 * share(17)),
            n_rim_spokes=5 + int(5 * share(19)),
            layout=share(23),
            hood=0.14 + 0.2 * share(29),
            roof=0.7 + 0.3 * share(31),
            belt=0.44 + 0.1 * share(47),
            sill=0.17 + 0.13 * share(53),
            tyre=0.16 + 0.07 * share(59),
            has_dark_roof=share(61) > 0.6,
            tail=int(3 * share(37)),
            trim=_TRIMS[int(5 * share(41))],
            glow=_GLOWS[int(5 * share(43))],
            n_corners=(0, 4, 3, 6, 5)[make % 5],
        )


@attrs.frozen
class Look:
    """One individual car: a style, its colours, and whether its lamps are on. The colours say nothing about the model."""

    style: Style
    paint: Color
    cabin: Color
    is_lit: bool
    plate: Color | None = None  # None: any
    sticker: Color | None = None  # of a patch on flank and ends; None: there is none
    sticker_at: float = 0.0  # from -1 to 1

    @classmethod
    def draw(cls, model: int, rng: np.random.Generator) -> "Look":
        """Draw an individual car of a model."""
        paint, cabin = list(PAINTS.values())[rng.integers(len(PAINTS))], _CABINS[rng.integers(len(_CABINS))]
        return cls(Style.of(model), vary(paint, rng), vary(cabin, rng), bool(rng.random() < 0.25))

    @classmethod
    def draw_individual(cls, model: int, color: str, rng: np.random.Generator) -> "Look":
        """Draw a car that can be told from others of its model and colour: by its rims, trim, roof, plate, sticker and shade of paint."""
        style = attrs.evolve(
            Style.of(model),
            n_rim_spokes=int(rng.integers(3, 12)),
            trim=_TRIMS[rng.integers(len(_TRIMS))],
            has_dark_roof=bool(rng.random() < 0.4),
        )
        plate, sticker = _MARKS[rng.integers(len(_MARKS))], _MARKS[rng.integers(len(_MARKS))]
        has_sticker, at = rng.random() < 0.8, float(rng.uniform(-1, 1))
        return cls(style, vary(PAINTS[color], rng), _CABINS[0], False, plate, sticker if has_sticker else None, at)


class Pen:
    """Fills shapes on a canvas through an affine map from the drawing's own units, x to the right and y down.

    Args:
        canvas: The picture drawn on.
        matrix: Shape `(2, 3)`: units to pixels of the canvas.
        reach: Left, top, right and bottom of all that was drawn, in pixels of the canvas; pens of one car share it.
    """

    def __init__(self, canvas: Image.Image, matrix: np.ndarray, reach: list[float] | None = None) -> None:
        self.canvas, self.matrix = canvas, matrix
        self.reach = [np.inf, np.inf, -np.inf, -np.inf] if reach is None else reach
        self.scale = float(abs(np.linalg.det(matrix[:, :2])) ** 0.5)
        self._draw = ImageDraw.Draw(canvas, "RGBA")

    def placed(self, x: float, y: float, *, right: tuple[float, float] = (1.0, 0.0), down: tuple[float, float] = (0.0, 1.0)) -> "Pen":
        """Make a pen whose origin and whose unit steps to the right and down are given in the units of this one."""
        step = np.array([[right[0], down[0], x], [right[1], down[1], y], [0.0, 0.0, 1.0]])
        return Pen(self.canvas, self.matrix @ step, self.reach)

    def fill(self, points: Points, color: Color) -> None:
        """Fill a polygon. A fourth number in a colour is its opacity."""
        self._draw.polygon(self._pixels(points), fill=color)

    def line(self, points: Points, color: Color, width: float) -> None:
        """Draw a line of a width in units."""
        self._draw.line(self._pixels(points), fill=color, width=max(1, round(width * self.scale)), joint="curve")

    def oval(self, x: float, y: float, width: float, height: float, color: Color, *, power: float = 2.0, slant: float = 0.0) -> None:
        """Fill a superellipse around a point; `width` and `height` are half its sides."""
        self.fill(superellipse(x, y, width, height, power=power, slant=slant), color)

    def box(self, left: float, top: float, right: float, bottom: float, color: Color) -> None:
        """Fill a rectangle."""
        self.fill([(left, top), (right, top), (right, bottom), (left, bottom)], color)

    def dome(self, x: float, y: float, radius: float, rim: Color, middle: Color, *, n_rings: int = 4) -> None:
        """Fill a disc whose colour runs from its rim to a bright spot above its middle."""
        for ring in range(n_rings):
            share = ring / (n_rings - 1)
            size = radius * (1 - 0.8 * share)
            self.oval(x - 0.15 * radius * share, y - 0.15 * radius * share, size, size, blend(rim, middle, share))

    def glow(self, x: float, y: float, radius: float, color: Color) -> None:
        """Let a lamp outshine what lies around it."""
        for size in (1.0, 0.8, 0.6, 0.4):
            self.oval(x, y, size * radius, 0.85 * size * radius, (*color, 45))

    def spokes(self, x: float, y: float, inner: float, outer: float, n: int, color: Color, width: float, turn: float = 0.0) -> None:
        """Draw lines that run out from a point in even directions."""
        for angle in turn + np.arange(n) * 2 * pi / n:
            across, up = cos(angle), sin(angle)
            self.line([(x + inner * across, y + inner * up), (x + outer * across, y + outer * up)], color, width)

    def emblem(self, x: float, y: float, radius: float, n_corners: int) -> None:
        """Draw the badge of a make."""
        angles = np.arange(n_corners or 16) * 2 * pi / (n_corners or 16) - pi / 2
        outline = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        self.fill(outline * radius + (x, y), CHROME)
        self.fill(outline * radius * 0.62 + (x, y), (60, 64, 74))

    def _pixels(self, points: Points) -> list[float]:
        pixels = np.asarray(points) @ self.matrix[:, :2].T + self.matrix[:, 2]
        (left, top), (right, bottom) = pixels.min(axis=0), pixels.max(axis=0)
        reach = self.reach
        reach[:] = min(reach[0], left), min(reach[1], top), max(reach[2], right), max(reach[3], bottom)
        flat: list[float] = pixels.ravel().tolist()
        return flat


def superellipse(x: float, y: float, width: float, height: float, *, power: float, slant: float = 0.0) -> np.ndarray:
    """Outline a rounded shape, shape `(32, 2)`. Its top is pushed to the right by `slant` of its height."""
    points: np.ndarray = _unit_superellipse(power) * (width, height)
    points += (x, y)
    points[:, 0] -= slant * (points[:, 1] - y)
    return points


@lru_cache(maxsize=256)
def _unit_superellipse(power: float) -> np.ndarray:
    angles = np.arange(32) * 2 * pi / 32
    waves = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outline: np.ndarray = np.sign(waves) * np.abs(waves) ** (2 / power)
    return outline


def blend(first: Color, second: Color, share: float) -> Color:
    """Mix two colours: share 0 is the first, 1 the second."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))


def shade(color: Color, factor: float) -> Color:
    """Darken (below 1) or lighten (above 1) a colour."""
    return tuple(min(255, round(value * factor)) for value in color)


def vary(color: Color, rng: np.random.Generator, reach: int = 18) -> Color:
    """Move a colour a little at random."""
    return tuple(int(min(255, max(0, value + step))) for value, step in zip(color, rng.integers(-reach, reach + 1, 3), strict=True))


def paint_grille(pen: Pen, style: Style, *, width: float, height: float, frame: Color) -> None:
    """Draw a grille around the pen's origin; `width` and `height` are half its sides. Photos of the part and whole cars share it."""
    power, slats = 1.4 + style.power, []
    pen.oval(0, 0, width + 0.07, height + 0.07, frame, power=power)
    pen.oval(0, 0, width, height, (22, 23, 26), power=power)
    if style.slats != 1:
        slats += [((-0.95 * width, y), (0.95 * width, y)) for y in np.linspace(-0.8, 0.8, style.n_slats) * height]
    if style.slats != 0:
        slats += [((x, -0.88 * height), (x, 0.88 * height)) for x in np.linspace(-0.86, 0.86, 2 * style.n_slats) * width]
    for slat in slats:
        pen.line(slat, frame if style.slats != 2 else shade(frame, 0.5), 0.05 * height if style.slats == 2 else 0.09 * height)
    pen.emblem(0, 0, 0.42 * height, style.n_corners)


def ground(image_size: tuple[int, int], colors: np.ndarray) -> Image.Image:
    """Start a canvas with soft runs between colours of shape `(rows, columns, 3)`."""
    height, width = image_size
    small = Image.fromarray(np.clip(colors, 0, 255).astype("uint8"))
    return small.resize((width * _SUPERSAMPLING, height * _SUPERSAMPLING), Image.Resampling.BICUBIC)


def aim(image_size: tuple[int, int], *, scale: float = 1.0, angle: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Map drawing units to a canvas: the photo's middle is 0, and 1 unit is half its height, or 3/8 of its width where that is less.

    Args:
        image_size: `(height, width)` of the photo in pixels.
        scale: Enlargement of the drawing.
        angle: Rotation in degrees, clockwise.
        shift: Where the drawing's origin lies, in units before the enlargement.

    Returns:
        The matrix of a `Pen`, shape `(2, 3)`.
    """
    height, width = image_size
    unit = _SUPERSAMPLING * min(height / 2, width * 3 / 8)
    across, down = unit * scale * cos(angle * pi / 180), unit * scale * sin(angle * pi / 180)
    middle = (width * _SUPERSAMPLING / 2 + shift[0] * unit, height * _SUPERSAMPLING / 2 + shift[1] * unit)
    return np.array([[across, -down, middle[0]], [down, across, middle[1]]])


def photo_box(reach: Sequence[float], image_size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Turn a pen's reach into the box on the photo: left, top, right, bottom, counted from 1 and cut at the photo's border."""
    height, width = image_size
    left, top, right, bottom = (edge / _SUPERSAMPLING for edge in reach)
    return max(1, int(left) + 1), max(1, int(top) + 1), min(width, int(right) + 1), min(height, int(bottom) + 1)


def photograph(canvas: Image.Image, rng: np.random.Generator, *, is_night: bool) -> Image.Image:
    """Take a photo of a drawing, half as large: uneven light, colour cast, exposure, blur and noise.

    At night it is dark, noisy and in the colour of street lamps.
    """
    photo = canvas.reduce(_SUPERSAMPLING)
    if rng.random() < 0.5:
        photo = photo.filter(ImageFilter.GaussianBlur(float(rng.gamma(2.0, 0.4))))
    lamps = Image.fromarray(rng.uniform(0.5 if is_night else 0.55, 1.0, (3, 3)).astype("float32"))
    light = np.asarray(lamps.resize(photo.size, Image.Resampling.BILINEAR))[..., None]
    cast = rng.normal(1.0, 0.07, 3) * ((0.62, 0.5, 0.36) if is_night else rng.uniform(0.75, 1.35))
    pixels = np.asarray(photo) * (cast * rng.uniform(0.7, 1.15)).astype("float32")
    pixels *= light
    noise = rng.standard_normal(pixels.shape, dtype="float32")
    noise *= rng.gamma(2.0, 3.0) * (1.6 if is_night else 1.0)
    pixels += noise
    pixels += rng.uniform(-10, 30)
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype("uint8"))
