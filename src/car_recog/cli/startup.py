"""Loads what is slow to load, and only for the commands that need it."""

import logging
import os
import sys
from tempfile import TemporaryFile

from car_recog.evaluation.plots import new_figure


def load_keras() -> None:
    """Import Keras with its backend.

    TensorFlow writes notes about the processor to the error output while it loads, below everything that Python can reach. They are
    held back, and shown when the import fails. `TF_CPP_MIN_LOG_LEVEL=0` lets all of them through.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2") == "0" or "keras" in sys.modules:
        return
    with TemporaryFile() as held:
        sys.stderr.flush()
        error_output = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            import keras

            keras.ops.zeros(1)  # TensorFlow looks for its devices, and complains of missing ones, at the first operation
        except BaseException:
            held.seek(0)
            os.write(error_output, held.read())
            raise
        finally:
            os.dup2(error_output, 2)
            os.close(error_output)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def check_plots() -> None:
    """Raise unless plots can be drawn, so that this shows before hours of training.

    Raises:
        OptionError: Matplotlib is not installed.
    """
    new_figure(1, 1)
