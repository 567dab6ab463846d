"""Drawn photos for those who have none at hand."""

from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image

from car_recog.data.drawing import Look
from car_recog.data.drawn_cars import paint_car
from car_recog.data.drawn_parts import draw_part

_IMAGE_SIZE = (360, 480)
_CAR_VIEWS = {"models": 4, "gallery": 4, "a": 4, "b": 3}  # of one car: from the front and side, and from the side
EXAMPLES = ("parts", *_CAR_VIEWS)


@cache
def example(name: str) -> bytes:
    """Draw the photo for a recogniser, or for a side of a pair: a JPEG file; one of `EXAMPLES`."""
    if name == "parts":
        picture = Image.fromarray(draw_part("headlight", seed=3, image_size=_IMAGE_SIZE))
    else:
        look = Look.draw_individual(2, "red", np.random.default_rng(5))
        picture, _ = paint_car(_CAR_VIEWS[name], 2, np.random.default_rng([7, _CAR_VIEWS[name]]), _IMAGE_SIZE, look=look)
    file = BytesIO()
    picture.save(file, "JPEG", quality=88)
    return file.getvalue()
