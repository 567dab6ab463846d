"""The command line: `car-recog demo`, `train`, `evaluate`, `predict`, `verify`, `gallery`, `serve`, `data` and the others."""

from car_recog.cli.entry import main

__all__ = ["main"]
