"""Paintings of whole cars: a side outline pulled to the car's width and seen from any direction, in a street or before a wall."""

from itertools import pairwise
from math import cos, pi, sin

import attrs
import numpy as np
from PIL import Image

from car_recog.data import drawing
from car_recog.data.drawing import AMBER, BLACK, CHROME, WHITE, Look, Pen, blend, paint_grille, shade, vary

VIEWPOINTS = {1: "front", 2: "rear", 3: "side", 4: "front_side", 5: "rear_side"}
"""CompCars' numbers of the directions a car is seen from."""

Box = tuple[int, int, int, int]

_TURNS = {"front": (78, 90), "rear": (78, 90), "side": (0, 9), "front_side": (28, 62), "rear_side": (28, 62)}
_LENGTH, _WIDTH = 2.4, 0.98
_WHEELS = (-0.78, 0.74)
_GLASS = (62, 76, 88)
_SHADOW = (0, 0, 0, 110)


def paint_car(
    viewpoint: int, model: int, rng: np.random.Generator, image_size: tuple[int, int], *, look: Look | None = None
) -> tuple[Image.Image, Box]:
    """Draw a photo of a whole car of a model, seen from a number of `VIEWPOINTS`; `look` is the individual, None any of the model.

    Returns:
        The photo, and the box of the car: left, top, right, bottom in pixels, counted from 1.
    """
    look, view = look or Look.draw(model, rng), VIEWPOINTS[viewpoint]
    turn, tilt = rng.uniform(*_TURNS[view]) * pi / 180, rng.uniform(0.04, 0.22)
    across = _LENGTH * abs(cos(turn)) + _WIDTH * sin(turn)
    scale = min(2.4 / across, 1.75) * rng.uniform(0.75, 1.05)
    shift = (float(rng.normal(0, 0.12)), 0.42 * scale + float(rng.normal(0, 0.1)))
    canvas = _paint_place(image_size, rng, horizon=shift[1] - 0.35 * scale)
    matrix = drawing.aim(image_size, scale=scale, angle=float(rng.normal(0, 1.5)), shift=shift)
    if rng.random() < 0.5:
        matrix = matrix * [[-1, 1, 1], [-1, 1, 1]]
    body = _Body(Pen(canvas, matrix), look, is_front=view in ("front", "side", "front_side"), turn=turn, tilt=tilt)
    Pen(canvas, matrix).oval(0, 0.0, 0.56 * across, 0.1 + 0.5 * tilt, _SHADOW)
    body.paint(rng)
    box = drawing.photo_box(body.pen.reach, image_size)
    return drawing.photograph(canvas, rng, is_night=bool(rng.random() < 0.1)), box


def _paint_place(image_size: tuple[int, int], rng: np.random.Generator, *, horizon: float) -> Image.Image:
    """Paint where the car stands: a sky over a street with houses or trees, or a wall over a floor."""
    is_street = rng.random() < 0.65
    above = vary((150, 185, 225) if is_street else (176, 166, 152), rng, 45)
    below = vary((104, 104, 106), rng, 35)
    canvas = drawing.ground(image_size, np.array(above) * rng.uniform(0.75, 1.2, (2, 2, 1)))
    pen = Pen(canvas, drawing.aim(image_size))
    if is_street:
        for x in np.arange(-2.5, 2.5, rng.uniform(0.4, 0.9)):
            top, width = horizon - rng.uniform(0.1, 0.9), rng.uniform(0.2, 0.5)
            if rng.random() < 0.5:
                pen.box(x, top, x + width, horizon + 0.1, vary((150, 130, 115), rng, 45))
                pen.box(x + 0.3 * width, top + 0.1, x + 0.6 * width, top + 0.25, (70, 76, 84))
            else:
                pen.oval(x, top + 0.2, width, 0.3, vary((60, 96, 52), rng, 30))
    else:
        for y in np.arange(-1.2, horizon, rng.uniform(0.12, 0.5)):
            pen.line([(-3, y), (3, y)], shade(above, 0.85), 0.02)
    pen.box(-4, horizon, 4, 3, below)
    if rng.random() < 0.5:
        y = horizon + rng.uniform(0.05, 0.6)
        pen.line([(-3, y), (3, y)], shade(below, 1.5), 0.03)
    return canvas


@attrs.frozen
class _Body:
    """A car whose near flank runs to the right, away from the end that is seen.

    Places are (along, across, up): along the flank from -1.2 at the seen end to 1.2, across the car from 0 at the near flank to 1
    at the far one, and up from the ground.
    """

    pen: Pen
    look: Look
    is_front: bool = attrs.field(kw_only=True)
    turn: float = attrs.field(kw_only=True)
    tilt: float = attrs.field(kw_only=True)

    def at(self, along: float, across: float, up: float) -> tuple[float, float]:
        """Project a place, seen from far away; the middle of the car's footprint is the origin."""
        across = (across - 0.5) * _WIDTH
        away = along * sin(self.turn) + across * cos(self.turn)
        return along * cos(self.turn) - across * sin(self.turn), -up * cos(self.tilt) - away * sin(self.tilt)

    def paint(self, rng: np.random.Generator) -> None:
        """Paint from the hidden end to the seen one, then the flank over it."""
        outline = self._outline()
        for along in _WHEELS:
            for near, far in ((0.78, 0.98), (0.02, 0.22)):
                x = self._along(along) - 0.8 * self.look.style.tyre
                self.pen.fill([self.at(x, near, 0), self.at(x, far, 0), self.at(x, far, 0.34), self.at(x, near, 0.34)], (20, 20, 22))
        if not self.is_front:
            outline = outline[::-1]
        for first, second in sorted(pairwise(outline), key=lambda strip: -strip[0][0] - strip[1][0]):
            self._paint_strip(first, second)
        self._paint_end(rng)
        self._paint_flank([self.at(x, self._inset(up), up) for x, up in outline])

    def _along(self, x: float) -> float:
        """Turn a place counted from nose to tail into one counted from the seen end."""
        return x if self.is_front else -x

    def _outline(self) -> list[tuple[float, float]]:
        style = self.look.style
        screen, roof = -1.2 + _LENGTH * style.hood, style.roof
        roof_end, deck = ((0.4, 0.86), (0.72, 1.1), (0.98, 1.14))[style.tail]
        nose = [(-1.17, 0.13), (-1.2, 0.34), (-1.1, style.belt - 0.05)]
        top = [(screen, style.belt + 0.03), (screen + 0.38, roof), (roof_end, roof - 0.02), (deck, style.belt + 0.05)]
        tail = [(1.16, style.belt), (1.2, 0.32), (1.17, 0.13)]
        return [(self._along(x), up) for x, up in (*nose, *top, *tail)]

    def _paint_strip(self, first: tuple[float, float], second: tuple[float, float]) -> None:
        """Fill the surface between two neighbouring points of both flanks' outlines."""
        rise, run = abs(second[1] - first[1]), abs(second[0] - first[0])
        is_glass = rise > 0.15 and max(first[1], second[1]) > self.look.style.belt + 0.1
        is_dark = self.look.style.has_dark_roof and min(first[1], second[1]) > self.look.style.belt + 0.1
        color = BLACK if is_dark else shade(self.look.paint, 1.2 - 0.35 * rise / (rise + run))
        self.pen.fill(self._strip(first, second, 0.0), color)
        if is_glass:
            self.pen.fill(self._strip(first, second, 0.06), _GLASS)
            (ax, au), (bx, bu) = first, second
            self.pen.fill([self.at(ax, 0.3, au), self.at(bx, 0.35, bu), self.at(bx, 0.45, bu), self.at(ax, 0.45, au)], (255, 255, 255, 40))

    def _strip(self, first: tuple[float, float], second: tuple[float, float], margin: float) -> list[tuple[float, float]]:
        (ax, au), (bx, bu) = first, second
        near, far = self._inset(au) + margin, self._inset(bu) + margin
        return [self.at(ax, near, au), self.at(bx, far, bu), self.at(bx, 1 - far, bu), self.at(ax, 1 - near, au)]

    def _paint_end(self, rng: np.random.Generator) -> None:
        """Paint the nose or the tail: from -1 to 1 across and from -1 at the top to 1 at the bottom."""
        if self.turn < 0.2:
            return
        middle, left, bottom = self.at(-1.2, 0.5, 0.31), self.at(-1.2, 0.0, 0.31), self.at(-1.2, 0.5, 0.13)
        pen = self.pen.placed(*middle, right=(left[0] - middle[0], left[1] - middle[1]), down=(0.0, bottom[1] - middle[1]))
        style, paint = self.look.style, self.look.paint
        pen.box(-0.98, 1.5 - 4.5 * style.sill, 0.98, 1.0, style.trim)
        width, height = 0.28 * style.stretch**0.6, 0.3 / style.stretch**0.9
        if self.is_front:
            grille = pen.placed(0, -0.3, down=(0.0, 0.9))
            paint_grille(grille, style, width=0.24 + 0.22 * style.layout, height=0.42 / style.stretch**0.6, frame=style.trim)
            lens, bulb = (165, 170, 180), (255, 255, 230) if self.look.is_lit else (222, 230, 240)
            for side in (-0.72, 0.72):
                pen.oval(side, 0.68, 0.09, 0.12, (225, 225, 220))
        else:
            pen.line([(-0.75, -0.1), (0.75, -0.1)], shade(paint, 0.5), 0.03)
            pen.emblem(0, -0.72, 0.1, style.n_corners)
            lens, bulb = (120, 14, 20), (255, 90, 70) if self.look.is_lit else (205, 24, 28)
            pen.oval(0.6, 0.86, 0.1, 0.07, CHROME)
        for side in (-1, 1):
            lamp = pen.placed(side * 0.7, -0.42, right=(-side, 0.0))
            lamp.oval(0, 0, width + 0.03, height + 0.04, BLACK, power=style.power, slant=style.slant)
            lamp.oval(0, 0, width, height, lens, power=style.power, slant=style.slant)
            for i in range(style.n_lamps):
                lamp.oval((i - (style.n_lamps - 1) / 2) * 1.5 * width / style.n_lamps, 0, 0.6 * width / style.n_lamps, 0.6 * height, bulb)
            lamp.oval(-0.8 * width, 0, 0.04, 0.5 * height, AMBER)
        y = 0.4 if self.is_front else -0.35
        plate = WHITE if rng.random() < 0.5 else (50, 80, 170)
        pen.box(-0.24, y - 0.11, 0.24, y + 0.11, self.look.plate or plate)
        if self.look.sticker:
            pen.oval(0.5 * self.look.sticker_at, 0.05, 0.12, 0.16, self.look.sticker)

    def _paint_flank(self, outline: list[tuple[float, float]]) -> None:
        style, paint, pen = self.look.style, self.look.paint, self.pen
        pen.fill(outline, paint)
        screen, roof = -1.2 + _LENGTH * style.hood, style.roof - 0.06
        end, deck = ((0.36, 0.66), (0.66, 0.86), (0.9, 0.98))[style.tail]
        window = [(screen + 0.1, style.belt + 0.04), (screen + 0.4, roof), (end, roof), (deck, style.belt + 0.06)]
        glass = [self.at(self._along(x), self._inset(up), up) for x, up in window]
        pen.fill(glass, _GLASS)
        pen.line([*glass, glass[0]], BLACK if style.has_dark_roof else style.trim, 0.035)
        pillar = (screen + deck) / 2 + 0.06
        for x in (screen + 0.16, pillar, min(deck, 0.72)):
            pen.line([self.at(self._along(x), 0, 0.18), self.at(self._along(x), 0, style.belt + 0.02)], shade(paint, 0.5), 0.015)
        pen.line([self.at(self._along(pillar), 0, style.belt), self.at(self._along(pillar), self._inset(roof), roof)], BLACK, 0.04)
        pen.line([self.at(-1.15, 0, 0.4), self.at(1.15, 0, 0.42)], blend(paint, (255, 255, 255), 0.25), 0.015)
        sill = [(-1.17, 0.13), (1.17, 0.13), (1.18, style.sill), (-1.18, style.sill)]
        pen.fill([self.at(x, 0, up) for x, up in sill], style.trim)
        for x, color in ((-1.12, (215, 220, 228)), (1.1, (170, 20, 26))):
            lamp = [(x - 0.07, 0.37), (x + 0.08, 0.39), (x + 0.06, 0.45), (x - 0.04, 0.45)]
            pen.fill([self.at(self._along(place), 0, up) for place, up in lamp], color)
        if self.look.sticker:
            x, up = self._along(0.45 * self.look.sticker_at), (style.sill + style.belt) / 2
            pen.fill(
                [self.at(x + a, 0, up + b) for a, b in ((-0.14, -0.08), (0.14, -0.08), (0.14, 0.08), (-0.14, 0.08))], self.look.sticker
            )
        for x in _WHEELS:
            self._paint_wheel(self._along(x))

    def _paint_wheel(self, along: float) -> None:
        tyre = self.look.style.tyre
        middle, right = self.at(along, 0, tyre), self.at(along + 1, 0, tyre)
        pen = self.pen.placed(*middle, right=(right[0] - middle[0], right[1] - middle[1]), down=(0.0, cos(self.tilt)))
        pen.oval(0, 0, tyre + 0.05, tyre + 0.05, shade(self.look.paint, 0.3))
        pen.oval(0, 0, tyre, tyre, (22, 22, 24))
        pen.oval(0, 0, 0.68 * tyre, 0.68 * tyre, blend(self.look.style.trim, (60, 60, 64), 0.6))
        pen.spokes(0, 0, 0.0, 0.66 * tyre, self.look.style.n_rim_spokes, self.look.style.trim, 0.035, turn=along)

    def _inset(self, up: float) -> float:
        """How far the flank leans inwards at a height, as a share of the car's width."""
        return 0.45 * max(0.0, up - self.look.style.belt)
