"""Paintings of the eight car parts: one function a part, all in units where the photo reaches from -1 to 1 from top to bottom."""

from collections.abc import Callable
from math import cos, pi, sin

import numpy as np
from PIL import Image

from car_recog.data import drawing
from car_recog.data.compcars import part_number
from car_recog.data.drawing import AMBER, BLACK, CHROME, RED, WHITE, Look, Pen, Style, blend, paint_grille, shade, vary
from car_recog.errors import OptionError

Painter = Callable[[Pen, Look, np.random.Generator], None]


def draw_part(part: str | int, *, seed: int, model: int = 0, image_size: tuple[int, int] = (120, 160)) -> np.ndarray:
    """Draw one photo of a car part.

    Args:
        part: A name of `PART_NAMES`, or CompCars' number from 1 to 8.
        seed: Fixes the photo: colours, view, light, clutter and noise.
        model: Number of the invented car model, from 0; it fixes the shape of the part.
        image_size: `(height, width)` in pixels.

    Returns:
        The photo, shape `(height, width, 3)`, uint8 RGB.

    Raises:
        OptionError: There is no such part, the seed or the model is negative, or a side is below 16 pixels.

    Example:
        >>> draw_part("headlight", seed=3).shape
        (120, 160, 3)
    """
    part_id = part_number(part)
    if seed < 0 or model < 0 or min(image_size) < drawing.MIN_SIDE:
        raise OptionError(
            f"Expected a seed and a model from 0 and sides from {drawing.MIN_SIDE} pixels, got {seed=}, {model=}, {image_size=}."
        )
    return np.asarray(paint_part(part_id, model, np.random.default_rng([seed, part_id, model]), image_size))


def paint_part(part_id: int, model: int, rng: np.random.Generator, image_size: tuple[int, int]) -> Image.Image:
    """Draw a photo of a part with a neighbour in view, seen from some place, partly covered, in some light."""
    look, is_night = Look.draw(model, rng), bool(rng.random() < 0.12)
    is_inside = part_id > 4
    base = look.cabin if is_inside else look.paint
    canvas = drawing.ground(image_size, np.array(base) * rng.uniform(0.6, 1.25, (3, 3, 1)))
    scale = float(np.exp(rng.normal(0.0, 0.2)))
    shift = (float(rng.normal(0, 0.2)), float(rng.normal(0, 0.14)))
    pen = Pen(canvas, drawing.aim(image_size, scale=scale, angle=float(rng.normal(0, 6)), shift=shift))
    if rng.random() < 0.5:  # the car's other side
        pen = pen.placed(0, 0, right=(-1.0, 0.0))
    if rng.random() < 0.45:
        neighbours = _INSIDE if is_inside else _OUTSIDE
        across, down = _NEIGHBOUR_PLACES[rng.integers(len(_NEIGHBOUR_PLACES))]
        neighbours[rng.integers(len(neighbours))](pen.placed(across, down), look, rng)
    _PAINTERS[part_id - 1](pen, look, rng)
    _cover(Pen(canvas, drawing.aim(image_size)), rng)
    return drawing.photograph(canvas, rng, is_night=is_night)


def _cover(pen: Pen, rng: np.random.Generator) -> None:
    """Lay what stands in the way over a drawing: hands, posts, reflections."""
    for _ in range(rng.poisson(0.6)):
        x, y = rng.uniform(-1.3, 1.3), rng.uniform(-1, 1)
        color = vary((120, 110, 100), rng, 90)
        if rng.random() < 0.5:
            angle = rng.uniform(0, pi)
            pen.line([(x - 3 * cos(angle), y - 3 * sin(angle)), (x + 3 * cos(angle), y + 3 * sin(angle))], color, rng.uniform(0.04, 0.22))
        else:
            pen.oval(x, y, rng.uniform(0.12, 0.45), rng.uniform(0.12, 0.4), color, power=rng.uniform(2, 5), slant=rng.uniform(-0.5, 0.5))
    if rng.random() < 0.3:  # a reflection
        x, width = rng.uniform(-1.5, 1), rng.uniform(0.1, 0.6)
        pen.fill([(x, -1.5), (x + width, -1.5), (x + width + 0.5, 1.5), (x + 0.5, 1.5)], (255, 255, 255, int(rng.integers(20, 90))))


def _paint_headlight(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    style = look.style
    width, height = 0.98 * style.stretch**0.4, 0.52 / style.stretch**0.6
    pen.line([(-3, -height - 0.22), (0.2, -height - 0.2), (3, -height - 0.02)], shade(look.paint, 0.45), 0.035)  # the bonnet's gap
    pen.line([(-3, height + 0.3), (3, height + 0.26)], shade(look.paint, 0.55), 0.03)
    pen.fill([(-3, -0.4), (-width - 0.22, -0.4), (-width - 0.3, 0.5), (-3, 0.5)], BLACK)  # the grille's end
    _paint_lamp_case(pen, style, width, height, BLACK, vary((150, 156, 166), rng, 30))
    bulb = (255, 255, 235) if look.is_lit else vary((205, 215, 230), rng)
    radius = min(0.72 * height, 0.6 * width / style.n_lamps)
    for lamp in range(style.n_lamps):
        x = (lamp - (style.n_lamps - 1) / 2) * 2.15 * radius - 0.1
        pen.oval(x, 0, radius, radius, CHROME)
        pen.dome(x, 0, radius * 0.84, (44, 48, 56), bulb)
    pen.oval(0.82 * width, -0.1, 0.13, 0.5 * height, AMBER if rng.random() < 0.6 else CHROME, slant=style.slant)
    if style.layout > 0.5:  # a strip of daytime lamps
        pen.line([(-0.8 * width, 0.74 * height), (0.1, 0.86 * height), (0.75 * width, 0.6 * height)], WHITE, 0.06)
    if look.is_lit:
        pen.glow(-0.1, 0, 0.9, (255, 255, 230))
    _paint_shine(pen, width, height)


def _paint_taillight(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    style = look.style
    width, height = 0.95 * style.stretch**0.5, 0.56 / style.stretch**0.5
    pen.line([(0.1, -3), (0.16, -height), (0.1, height), (0.16, 3)], shade(look.paint, 0.4), 0.035)  # the boot lid's gap
    is_clear = rng.random() < 0.15
    lens = vary((205, 208, 212) if is_clear else (150, 18, 24), rng, 24)
    if rng.random() < 0.15:
        lens = shade(lens, 0.45)  # smoked
    _paint_lamp_case(pen, style, width, height, shade(lens, 0.45), lens)
    brake = (255, 80, 60) if look.is_lit else vary((205, 24, 28), rng)
    rows = style.n_slats // 2
    if style.n_lamps == 1:
        for row in range(rows):
            y = (row - (rows - 1) / 2) * 1.4 * height / rows
            pen.oval(-0.2, y, 0.55 * width, 0.5 * height / rows, brake, power=5, slant=style.slant)
    else:
        radius = min(0.7 * height, 0.55 * width / style.n_lamps)
        for lamp in range(style.n_lamps):
            x = (lamp - (style.n_lamps - 1) / 2) * 2.2 * radius - 0.15
            pen.oval(x, 0, radius, radius, shade(brake, 0.55))
            pen.dome(x, 0, radius * 0.85, brake, shade(brake, 1.35), n_rings=3)
    pen.box(0.5 * width, -0.6 * height, 0.78 * width, -0.05 * height, AMBER if rng.random() < 0.5 else (235, 225, 220))
    pen.box(0.5 * width, 0.05 * height, 0.78 * width, 0.6 * height, (238, 238, 235))
    if look.is_lit:
        pen.glow(-0.15, 0, 0.9, (255, 40, 20))
    _paint_shine(pen, width, height)


def _paint_lamp_case(pen: Pen, style: Style, width: float, height: float, frame: tuple[int, ...], inside: tuple[int, ...]) -> None:
    pen.oval(0, 0, width + 0.07, height + 0.07, frame, power=style.power, slant=style.slant)
    pen.oval(0, 0, width, height, inside, power=style.power, slant=style.slant)


def _paint_shine(pen: Pen, width: float, height: float) -> None:
    shine = np.array([(-0.7, -0.75), (0.5, -0.8), (0.35, -0.55), (-0.72, -0.45)]) * (width, height)
    pen.fill(shine, (255, 255, 255, 70))


def _paint_fog_light(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    style = look.style
    pen.line([(-3, -0.95), (3, -0.8)], shade(look.paint, 0.5), 0.04)
    pen.fill([(-3, 0.82), (3, 0.74), (3, 3), (-3, 3)], vary((46, 46, 50), rng, 10))  # the bumper's lower lip
    lean = 0.5 * style.slant
    recess = [(-1.15, -0.5 + lean), (1.0, -0.62 - lean), (1.2, 0.5), (-0.9, 0.64)]
    pen.fill(recess, shade(look.paint, 0.35))
    pen.fill([(0.93 * x, 0.9 * y) for x, y in recess], vary((34, 34, 38), rng, 10))
    for slat in range(style.n_slats):
        y = -0.45 + 0.95 * (slat + 0.5) / style.n_slats
        pen.line([(-0.95, y), (1.0, y)], (66, 67, 72), 0.035)
    radius = 0.3 + 0.08 * style.stretch
    x = 0.3 - 0.3 * style.layout
    pen.oval(x, 0, radius + 0.09, radius + 0.09, style.trim, power=style.power)
    pen.oval(x, 0, radius + 0.02, radius + 0.02, BLACK, power=2 + 0.3 * style.power)
    kind = rng.random()
    bulb = (255, 205, 90) if kind < 0.22 else (225, 40, 40) if kind < 0.3 else (235, 238, 240)
    pen.dome(x, 0, radius, blend((90, 96, 104), bulb, 0.3), shade(bulb, 1.2) if look.is_lit else bulb)
    for stripe in (-0.4, 0.0, 0.4):
        pen.line([(x + stripe * radius, -0.8 * radius), (x + stripe * radius, 0.8 * radius)], (255, 255, 255, 60), 0.03)
    if look.is_lit:
        pen.glow(x, 0, 2 * radius, bulb)


def _paint_air_intake(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    style = look.style
    pen.line([(-3, -0.72), (-1.2, -0.66), (1.2, -0.66), (3, -0.72)], shade(look.paint, 0.45), 0.04)  # the bonnet's edge
    for side in (-1.75, 1.75):  # the lamps on both sides
        pen.oval(side, -0.15, 0.42, 0.24, (150, 156, 166), power=style.power)
        pen.dome(side, -0.15, 0.17, (50, 54, 60), (215, 222, 230), n_rings=3)
    paint_grille(pen, style, width=1.05 * style.stretch**0.3, height=0.48 / style.stretch**0.3, frame=style.trim)
    pen.fill([(-1.1, 0.82), (1.1, 0.82), (0.95, 1.4), (-0.95, 1.4)], (30, 30, 33))
    if rng.random() < 0.6:
        _paint_plate(pen, rng)


def _paint_plate(pen: Pen, rng: np.random.Generator) -> None:
    pen.box(-0.42, 0.62, 0.42, 0.86, (40, 70, 170) if rng.random() < 0.5 else WHITE)
    for x in np.linspace(-0.32, 0.32, 6):
        pen.box(x - 0.035, 0.68, x + 0.035, 0.8, (120, 124, 132))


def _paint_console(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    style, top = look.style, -0.5 + 0.5 * look.style.layout
    pen.fill([(-0.95, -1.6), (0.95, -1.6), (0.72, 1.8), (-0.72, 1.8)], shade(look.cabin, 0.7))
    pen.fill([(-0.84, -1.0), (0.84, -1.0), (0.68, 1.1), (-0.68, 1.1)], style.trim)
    for side in (-0.44, 0.44):  # vents
        pen.oval(side, top - 0.42, 0.36, 0.2, BLACK, power=style.power)
        for y in np.linspace(-0.12, 0.12, 4):
            pen.line([(side - 0.28, top - 0.42 + y), (side + 0.28, top - 0.42 + y)], (96, 98, 104), 0.025)
    is_on = rng.random() < 0.75
    screen = vary((40, 84, 140), rng, 40) if is_on else (14, 16, 20)
    pen.oval(0, top + 0.14, 0.62, 0.31, BLACK, power=8)
    pen.oval(0, top + 0.14, 0.55, 0.25, screen, power=10)
    if is_on:
        for x in np.linspace(-0.36, 0.36, 3):
            pen.oval(x, top + 0.14, 0.11, 0.13, shade(screen, rng.uniform(1.2, 2.2)), power=6)
    for side in (-0.42, 0.42):
        pen.dome(side, top + 0.72, 0.16, (30, 31, 34), (150, 152, 158), n_rings=3)
    n_buttons = style.n_slats // 2 + 1
    for row in (0.62, 0.8):
        for x in np.linspace(-0.17, 0.17, n_buttons):
            pen.oval(x, top + row, 0.15 / n_buttons, 0.06, (44, 46, 50), power=6)
    pen.box(-0.5, top + 0.98, 0.5, top + 1.12, BLACK)
    pen.line([(-0.4, top + 1.05), (0.4, top + 1.05)], (*style.glow, 180), 0.05)


def _paint_steering_wheel(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    style = look.style
    pen.fill([(-3, -3), (3, -3), (3, -1.0), (-3, -0.9)], vary((150, 170, 190), rng, 50))  # the windscreen
    for side in (-0.36, 0.36):  # the dials behind the rim
        pen.oval(side, -0.48, 0.3, 0.3, (22, 22, 25))
        pen.line([(side, -0.48), (side + rng.uniform(-0.2, 0.2), -0.64)], style.glow, 0.03)
    leather, turn = shade(look.cabin, 0.55), float(rng.normal(0, 0.25))
    wheel = pen.placed(0, 0.05, right=(cos(turn), sin(turn)), down=(-sin(turn), cos(turn)))
    angles = np.linspace(0, 2 * pi, 40)
    rim = np.stack([np.cos(angles), np.sin(angles)], axis=1) * 0.9
    wheel.line(rim, shade(leather, 0.6), 0.2)
    wheel.line(rim * 0.985 - (0.02, 0.02), shade(leather, 1.5), 0.05)
    spread = {2: (0.1, pi - 0.1), 3: (0.0, pi, pi / 2), 4: (-0.1, pi + 0.1, 0.8, pi - 0.8)}[style.n_spokes]
    for angle in spread:
        outer = (0.86 * cos(angle), 0.86 * sin(angle))
        wheel.line([(0, 0.04), outer], style.trim if style.layout > 0.5 else shade(leather, 0.8), 0.17)
        wheel.oval(0.58 * cos(angle), 0.58 * sin(angle), 0.08, 0.06, (70, 72, 78), power=5)
    wheel.oval(0, 0.04, 0.4 * style.stretch**0.3, 0.34, shade(leather, 0.7), power=style.power)
    wheel.oval(0, 0.02, 0.35 * style.stretch**0.3, 0.29, leather, power=style.power)
    wheel.emblem(0, 0.02, 0.13, style.n_corners)


def _paint_dashboard(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    style = look.style
    pen.oval(0, 0.1, 1.5, 0.95, shade(look.cabin, 0.5), power=2 + 0.4 * style.power)
    pen.oval(0, 0.14, 1.36, 0.8, (16, 16, 19), power=2 + 0.4 * style.power)
    bright = shade(style.glow, 1.0 if look.is_lit else 0.8)
    radius = 0.5 + 0.08 * style.layout
    for side in (-0.68, 0.68):
        pen.oval(side, 0.1, radius + 0.06, radius + 0.06, shade(style.trim, 0.8))
        pen.oval(side, 0.1, radius, radius, (24, 24, 28))
        angles = np.linspace(0.75 * pi, 2.25 * pi, 6 + style.n_slats)
        for angle in angles:
            across, down = cos(angle), sin(angle)
            ends = [(side + 0.8 * radius * across, 0.1 + 0.8 * radius * down), (side + 0.95 * radius * across, 0.1 + 0.95 * radius * down)]
            pen.line(ends, bright, 0.03)
        angle = rng.uniform(0.75 * pi, 1.8 * pi)
        pen.line([(side, 0.1), (side + 0.8 * radius * cos(angle), 0.1 + 0.8 * radius * sin(angle))], (235, 50, 30), 0.05)
        pen.oval(side, 0.1, 0.08, 0.08, (60, 60, 64))
    pen.oval(0, 0.1, 0.16, 0.3, blend((30, 40, 60), bright, rng.uniform(0, 0.7)), power=6)
    for x in np.linspace(-0.3, 0.3, 5):  # warning lamps
        pen.oval(x, 0.72, 0.03, 0.03, (RED, AMBER, (40, 200, 90), (40, 42, 46))[rng.integers(4)])
    if rng.random() < 0.45:  # the wheel's rim in front
        angles = np.linspace(1.05 * pi, 1.95 * pi, 20)
        y = rng.uniform(1.3, 1.9)
        pen.line(np.stack([1.7 * np.cos(angles), y + 1.35 * np.sin(angles)], axis=1), shade(look.cabin, 0.4), 0.2)


def _paint_gear_lever(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    style = look.style
    pen.fill([(-0.8, -1.8), (0.8, -1.8), (1.0, 1.8), (-1.0, 1.8)], shade(look.cabin, 0.7))
    pen.oval(0, 0.42, 0.74, 0.62, style.trim, power=style.power)
    pen.oval(0, 0.42, 0.64, 0.52, BLACK, power=style.power)
    lean = float(rng.normal(0, 0.1))
    top = -0.62 + 0.25 * style.layout
    leather = shade(look.cabin, 0.5)
    if style.tail != 1:  # a leather gaiter
        pen.fill([(-0.52, 0.78), (0.52, 0.78), (0.14 + lean, -0.1), (-0.14 + lean, -0.1)], leather)
        for fold in (-0.3, -0.1, 0.1, 0.3):
            pen.line([(fold * 1.3, 0.78), (lean + fold * 0.35, -0.1)], shade(leather, 1.6), 0.03)
    else:  # an automatic's gate with its row of positions
        pen.box(-0.08, 0.05, 0.08, 0.85, (52, 52, 56))
        for y in np.linspace(0.1, 0.8, 5):
            pen.box(0.24, y - 0.045, 0.34, y + 0.045, style.glow)
    pen.line([(lean * 0.5, 0.4), (lean, top)], CHROME, 0.11)
    knob = style.trim if style.layout > 0.5 else shade(look.cabin, 0.4)
    pen.oval(lean, top, 0.27, 0.36 / style.stretch**0.5, shade(knob, 0.5), power=1.8 + 0.4 * style.power)
    pen.oval(lean - 0.03, top - 0.03, 0.22, 0.3 / style.stretch**0.5, knob, power=1.8 + 0.4 * style.power)
    pen.oval(lean - 0.02, top - 0.1, 0.11, 0.1, (30, 30, 34))
    pen.line([(lean - 0.08, top - 0.1), (lean + 0.04, top - 0.1)], WHITE, 0.02)
    if rng.random() < 0.5:  # cup holders
        for y in (0.2, 0.75):
            pen.oval(1.25, y, 0.26, 0.24, (24, 24, 26))


_PAINTERS: tuple[Painter, ...] = (
    _paint_headlight,
    _paint_taillight,
    _paint_fog_light,
    _paint_air_intake,
    _paint_console,
    _paint_steering_wheel,
    _paint_dashboard,
    _paint_gear_lever,
)
_OUTSIDE, _INSIDE = _PAINTERS[:4], _PAINTERS[4:]
_NEIGHBOUR_PLACES = ((-2.1, 0.2), (2.1, -0.2), (0.3, -1.7), (-0.2, 1.7))
