"""Every error this library raises on purpose: a `CarRecogError` that is also the built-in error a caller would expect."""

from collections.abc import Iterable
from difflib import get_close_matches


class CarRecogError(Exception):
    """The parent of all errors below; the message says what was expected, what came and what to do."""


class DataError(CarRecogError, ValueError):
    """A dataset, list file, label or split is not as it must be."""


class ImageDecodeError(CarRecogError, ValueError):
    """A photo cannot be decoded; the message names the file and the reason."""


class CacheFullError(CarRecogError, OSError):
    """The disk has no space for decoded photos or embeddings."""


class UnknownNameError(CarRecogError, LookupError):
    """A name stands in no table; the message suggests the nearest one."""


class PluginError(CarRecogError, RuntimeError):
    """A plug-in is broken, or two of them claim one name."""


class OptionError(CarRecogError, ValueError):
    """An argument or a combination of arguments makes no sense."""


class WeightsError(CarRecogError, ValueError):
    """Pretrained weights cannot be fetched or do not fit the network."""


class TrainingError(CarRecogError, RuntimeError):
    """Training cannot start or has broken down."""


class NotFittedError(CarRecogError, RuntimeError):
    """Something was asked of a recogniser that has not been trained."""


class BundleError(CarRecogError, ValueError):
    """A saved recogniser is damaged, of an unknown version, or not what it claims to be."""


class GalleryChangedError(CarRecogError, RuntimeError):
    """A saved gallery is not the one that was loaded or saved last: another process changed it meanwhile."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Word a hint at the nearest known name, or nothing when none is near.

    Example:
        >>> suggestion("resnet5O", ["resnet50", "vgg16"])
        " Did you mean 'resnet50'?"
        >>> suggestion("house", ["resnet50"])
        ''
    """
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def listed(faults: Iterable[str], *, limit: int = 20) -> str:
    """Word faults as the end of a message: a line each, and how many more there are.

    Example:
        >>> print("4 faults:" + listed(["a.jpg", "b.jpg", "c.jpg", "d.jpg"], limit=2))
        4 faults:
          a.jpg
          b.jpg
          and 2 more
    """
    lines = list(faults)
    more = [f"and {len(lines) - limit:,} more"] if len(lines) > limit else []
    return "".join(f"\n  {line}" for line in lines[:limit] + more)
