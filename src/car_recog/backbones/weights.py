"""Weights from an HDF5 file into a freshly built network, and words for what can go wrong."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from car_recog.errors import WeightsError

if TYPE_CHECKING:
    import keras

_HDF5_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"

# Keras keeps these two under other names than they have on the server.
_CACHED_AS: Final = {"NASNet-mobile-no-top.h5": "nasnet_mobile_no_top.h5", "NASNet-large-no-top.h5": "nasnet_large_no_top.h5"}


def load_weights(model: "keras.Model", path: str, *, backbone_options: dict[str, Any]) -> None:
    """Load weights into a network that has just been built.

    Args:
        model: The backbone.
        path: A `.h5` file that Keras distributes, or a `.weights.h5` file of `model.save_weights`.
        backbone_options: What the network was built with, for the message when the file does not fit.

    Raises:
        WeightsError: The file is missing, is not HDF5, or holds the weights of another network.
    """
    _check_is_hdf5(path)
    try:
        model.load_weights(path)
    except Exception as error:  # Keras and h5py raise whatever the first mismatch happens to break
        raise WeightsError(
            f"The weights in '{path}' do not fit the backbone '{model.name}' with the backbone_options {backbone_options}: {error}\n"
            "They must come from the same network, without its classification layer (files named 'notop' or 'no_top'), built with "
            "the same backbone_options."
        ) from error


def _check_is_hdf5(path: str) -> None:
    file = Path(path)
    if not file.is_file():
        raise WeightsError(f"There is no weights file '{path}'. Give the path of a .h5 or .weights.h5 file, or weights=None.")
    with file.open("rb") as stream:
        start = stream.read(len(_HDF5_SIGNATURE))
    if start != _HDF5_SIGNATURE:
        raise WeightsError(f"The weights file '{path}' is not an HDF5 file: it starts with {start!r}. Fetch or save it again.")


def fetch_error(name: str, error: Exception) -> WeightsError:
    """Word a failed fetch of the pretrained weights of a backbone, with the ways to do without the network."""
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    address = re.search(r"https?://\S+?(?=:? |$)", str(error))
    if address is None:
        remedy = f"Delete the damaged file from '{folder}' and try again, or"
        file = "file.h5"
    else:
        file = address[0].rsplit("/", 1)[-1]
        remedy = f"Without a network, fetch {address[0]} elsewhere and keep it as '{folder / _CACHED_AS.get(file, file)}', or"
    return WeightsError(
        f"The pretrained weights of the backbone '{name}' could not be fetched: {error}\n"
        f"{remedy} give weights='path/to/{file}'. weights=None starts from random weights."
    )
