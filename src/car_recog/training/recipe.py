"""Recipes: everything about training that is not the network, as plain values."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import attrs

from car_recog.errors import OptionError

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "one_cycle", "plateau")


def _must(be: str, holds: Callable[[Any], bool], *, optional: bool = False) -> Callable[[Any, Any, Any], None]:
    """Make a validator whose error says what a field must be."""

    def check(instance: Any, attribute: Any, value: Any) -> None:
        if value is None and optional:
            return
        try:
            is_good = holds(value)
        except TypeError:
            is_good = False
        if not is_good:
            raise OptionError(f"{type(instance).__name__}.{attribute.name} must be {be}; got {value!r}.")

    return check


def _one_of(*names: str) -> Callable[[Any, Any, Any], None]:
    return _must(f"one of {', '.join(names)}", lambda value: value in names)


_COUNT = _must("an integer from 1 on", lambda value: isinstance(value, int) and value >= 1)
_COUNT_OR_NONE = _must("an integer from 1 on, or None", lambda value: isinstance(value, int) and value >= 1, optional=True)
_SHARE = _must("at least 0 and below 1", lambda value: 0 <= value < 1)
_POSITIVE = _must("above 0", lambda value: 0 < value < float("inf"))
_POSITIVE_OR_NONE = _must("above 0, or None", lambda value: 0 < value < float("inf"), optional=True)
_TRAINABLE = _must("all, head, a number of stages or the name of a layer", lambda value: isinstance(value, str) or value >= 1)
_AUGMENTATION = _must("a mapping of names to numbers", lambda value: isinstance(value, Mapping))
_PHASES = _must("one or more Phase", lambda value: value and all(isinstance(phase, Phase) for phase in value))
_SHARE_OR_NONE = _must("at least 0 and below 1, or None", lambda value: 0 <= value < 1, optional=True)
_NOT_NEGATIVE = _must("at least 0", lambda value: 0 <= value < float("inf"))


@attrs.frozen(kw_only=True)
class Phase:
    """One stretch of training with one optimizer.

    The length is `epochs`, or `photos_seen`: as many whole epochs as come nearest to that many photos, `min_epochs` at least.

    Args:
        name: What the history and the progress call it.
        epochs: Passes over the photos.
        photos_seen: Length counted in photos, so that one number fits small and large datasets.
        min_epochs: Fewest passes where `photos_seen` decides.
        trainable: `"all"`; `"head"`; a number of backbone stages counted from the head, all where it has fewer; or the name of the first
            layer that trains.
        batch_norm: `"train"` lets batch normalisation of trainable layers adapt, `"frozen"` keeps it as it came.
        batch_size: Photos, or pairs, in a batch.
        accumulation: Batches whose gradients are averaged into one update; all where the phase has fewer. Batch normalisation sees each
            batch alone. Updates reach over the ends of epochs; batches left over at the end of the phase are not applied.
        per_identity: Most photos of one identity in a batch of metric learning.
        hard_batches: Whether every second batch of metric learning gathers identities that look alike.
        train_scale: Photos are trained at this share of `image_size`, rounded to 32 pixels. A network trained on somewhat smaller
            photos than it is asked about sees things at the size they are asked about: random crops enlarge them.
            Source: Touvron et al., NeurIPS 2019, arXiv:1906.06423.
        optimizer: `"adam"`, `"adamw"` or `"sgd"`.
        momentum: For `"sgd"`.
        learning_rate: The peak.
        schedule: `"constant"`; `"cosine"` to zero after a linear warm-up; `"one_cycle"`, which starts at a 25th. Updates are counted.
            `"plateau"` falls to a fifth after three epochs without a lower validation loss.
        warmup: Share of the updates in which the rate rises.
        weight_decay: Decoupled decay of convolution and dense kernels; biases and normalisation have none.
        l1: Weight in the training loss of the sum of those kernels' absolute values, where they train.
        l2: Weight of the sum of their squares.
        clip_norm: Largest norm of the gradient of one weight.
        global_clip_norm: Largest norm of the whole gradient.
        augmentation: Plain values by name; see `car_recog.data.augment.Augmentation`.
    """

    name: str = "train"
    epochs: int | None = attrs.field(default=None, validator=_COUNT_OR_NONE)
    photos_seen: int | None = attrs.field(default=None, validator=_COUNT_OR_NONE)
    min_epochs: int = attrs.field(default=1, validator=_COUNT)
    trainable: str | int = attrs.field(default="all", validator=_TRAINABLE)
    batch_norm: str = attrs.field(default="train", validator=_one_of("train", "frozen"))
    batch_size: int = attrs.field(default=32, validator=_COUNT)
    accumulation: int = attrs.field(default=1, validator=_COUNT)
    per_identity: int = attrs.field(default=3, validator=_COUNT)
    hard_batches: bool = True
    train_scale: float = attrs.field(default=1.0, validator=_must("above 0 and at most 2", lambda value: 0 < value <= 2))
    optimizer: str = attrs.field(default="adamw", validator=_one_of(*OPTIMIZERS))
    momentum: float = attrs.field(default=0.9, validator=_SHARE)
    learning_rate: float = attrs.field(default=1e-3, validator=_POSITIVE)
    schedule: str = attrs.field(default="cosine", validator=_one_of(*SCHEDULES))
    warmup: float = attrs.field(default=0.05, validator=_SHARE)
    weight_decay: float = attrs.field(default=0.0, validator=_NOT_NEGATIVE)
    l1: float = attrs.field(default=0.0, validator=_NOT_NEGATIVE)
    l2: float = attrs.field(default=0.0, validator=_NOT_NEGATIVE)
    clip_norm: float | None = attrs.field(default=None, validator=_POSITIVE_OR_NONE)
    global_clip_norm: float | None = attrs.field(default=None, validator=_POSITIVE_OR_NONE)
    augmentation: Mapping[str, float] = attrs.field(factory=dict, validator=_AUGMENTATION)

    def __attrs_post_init__(self) -> None:
        if (self.epochs is None) == (self.photos_seen is None):
            raise OptionError(f"The phase '{self.name}' needs either epochs or photos_seen.")
        if self.clip_norm is not None and self.global_clip_norm is not None:
            raise OptionError(f"The phase '{self.name}' takes clip_norm or global_clip_norm, not both.")

    def count_epochs(self, n_photos: int) -> int:
        """Number of passes over so many photos.

        Example:
            >>> Phase(photos_seen=48_000).count_epochs(2_400)
            20
        """
        if self.epochs is not None:
            return self.epochs
        return max(self.min_epochs, round((self.photos_seen or 0) / n_photos))

    def train_size(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """`(height, width)` of the photos in training.

        Example:
            >>> Phase(epochs=1, train_scale=0.85).train_size((224, 224))
            (192, 192)
        """
        if self.train_scale == 1.0:
            return image_size
        height, width = (max(32, round(side * self.train_scale / 32) * 32) for side in image_size)
        return height, width


@attrs.frozen(kw_only=True)
class Recipe:
    """How a recogniser is trained.

    Args:
        phases: One after another; each starts with a fresh optimizer.
        name: For the model card.
        head_start: Start a `"lean"` head from logistic regression on the features of the backbone as it came, with this strength of L2.
            None starts at random.
        label_smoothing: Share of each label that is spread over all classes.
        class_balance: Weight of a class in the loss: its inverse frequency to this power. 0 weighs photos alike, 1 classes.
        averaging: Momentum of an average of all weights, moving statistics included, that validation and the result use.
        patience: Early stopping: epochs without a lower validation loss, or for a verifier of cars a lower equal error rate, after which
            the best weights are restored. None never stops.

    Example:
        >>> Recipe(phases=[Phase(name="head", epochs=5, trainable="head"), Phase(epochs=20)]).phases[0].epochs
        5
    """

    phases: tuple[Phase, ...] = attrs.field(converter=tuple[Phase, ...], validator=_PHASES)
    name: str = "custom"
    head_start: float | None = attrs.field(default=None, validator=_POSITIVE_OR_NONE)
    label_smoothing: float = attrs.field(default=0.0, validator=_SHARE)
    class_balance: float = attrs.field(default=0.0, validator=_must("from 0 to 1", lambda value: 0 <= value <= 1))
    averaging: float | None = attrs.field(default=None, validator=_SHARE_OR_NONE)
    patience: int | None = attrs.field(default=None, validator=_COUNT_OR_NONE)

    def __attrs_post_init__(self) -> None:
        if self.averaging is not None and self.patience is not None:
            raise OptionError("A recipe takes averaging or patience, not both: the best epoch is chosen by weights that are not kept.")

    @property
    def is_mixing(self) -> bool:
        """Whether a phase blends photos with each other."""
        return any(phase.augmentation.get("mixup") for phase in self.phases)

    @property
    def needs_validation(self) -> bool:
        """Whether early stopping or a learning rate depends on validation."""
        return self.patience is not None or any(phase.schedule == "plateau" for phase in self.phases)

    def with_phases(self, **changes: Any) -> "Recipe":
        """Change fields of all phases, for instance the length: `recipe.with_phases(photos_seen=None, epochs=3)`."""
        return attrs.evolve(self, phases=[attrs.evolve(phase, **changes) for phase in self.phases])

    def with_epochs(self, epochs: int) -> "Recipe":
        """Make it so many passes over the photos long; the phases share them as they share its length now, each has one at least.

        Example:
            >>> recipe = Recipe(phases=[Phase(photos_seen=30_000), Phase(photos_seen=10_000)])
            >>> [phase.epochs for phase in recipe.with_epochs(20).phases]
            [15, 5]
        """
        if not isinstance(epochs, int) or epochs < 1:
            raise OptionError(f"epochs must be an integer from 1 on; got {epochs!r}.")
        is_alike = len({phase.epochs is None for phase in self.phases}) == 1
        lengths = [(phase.epochs or phase.photos_seen or 1) if is_alike else 1 for phase in self.phases]
        ends = [round(epochs * sum(lengths[:place]) / sum(lengths)) for place in range(len(lengths) + 1)]
        shares = [max(1, end - start) for start, end in pairwise(ends)]
        phases = zip(self.phases, shares, strict=True)
        return attrs.evolve(self, phases=[attrs.evolve(phase, epochs=share, photos_seen=None) for phase, share in phases])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for configuration files and model cards."""
        return attrs.asdict(self)
