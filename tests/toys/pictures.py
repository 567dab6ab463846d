"""Pictures whose pixels are known, and how they are encoded and compared."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, features

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")

UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: np.rot90(stored, 2),
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def encode(image, kind="PNG", **options):
    buffer = BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def noise(height=12, width=20, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def quarters(side=64):
    """Four colours whose places tell every orientation apart, on a wide photo."""
    photo = np.zeros((side, 2 * side, 3), np.uint8)
    photo[: side // 2, :side], photo[: side // 2, side:], photo[side // 2 :, :side] = RED, GREEN, BLUE
    return photo


def distance(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


def pixels(*rows):
    return Image.fromarray(np.array(rows, np.uint8))
