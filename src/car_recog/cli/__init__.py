"""The command line: `car-recog demo`, `train`, `evaluate`, `predict`, `verify`, `gallery`, `data`, `backbones`, `cache`."""

from car_recog.cli.entry import main

__all__ = ["main"]
