"""The classes that a classifier knows: their names, their place in the embedding, and what they are: make, model, year."""

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from car_recog.data.patterns import LEVELS
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError, suggestion


@attrs.frozen(eq=False)
class KnownClasses:
    """Classes in the order of their numbers.

    Args:
        names: Their names.
        means: Mean of the unit-length embeddings of each class, itself of unit length: float32 `(n_classes, dim)`; zeros for a class
            that no photo was seen of.
        levels: Those of make, model and year that every class has, from the wide one to the narrow one.
        facts: What each class is at each level.
    """

    names: tuple[str, ...]
    means: np.ndarray
    levels: tuple[str, ...] = ()
    facts: tuple[tuple[str, ...], ...] = ()

    def similarities(self, embeddings: np.ndarray) -> np.ndarray:
        """Cosine of embeddings of unit length with the mean of each class: float32 `(n, n_classes)`."""
        return np.asarray(embeddings @ self.means.T)

    @property
    def nodes(self) -> list[list[tuple[str, ...]]]:
        """What can be answered at each level, such as `("Toyota", "Corolla")` at the second."""
        return [sorted({fact[: depth + 1] for fact in self.facts}) for depth in range(len(self.levels))]

    @property
    def level_labels(self) -> list[np.ndarray]:
        """Number of each class's node at each level: int arrays of shape `(n_classes,)`."""
        numbers = [{node: number for number, node in enumerate(nodes)} for nodes in self.nodes]
        return [np.array([known[fact[: depth + 1]] for fact in self.facts]) for depth, known in enumerate(numbers)]

    def add(self, name: str, embeddings: np.ndarray, attributes: Mapping[str, str] | None) -> "KnownClasses":
        """Add a class from the embeddings of its photos, shape `(n_photos, dim)`.

        Raises:
            OptionError: The name is taken, or an attribute is missing that every other class has.
            DataError: No photos.
        """
        if not len(embeddings):
            raise DataError(f"Enrolling '{name}' needs at least one photo.")
        if name in self.names:
            raise OptionError(f"The class '{name}' is known already. Remove it first, or choose another name.")
        given = dict(attributes or {})
        if missing := [level for level in self.levels if not given.get(level)]:
            raise OptionError(f"All classes have {', '.join(self.levels)}: give '{name}' attributes with {', '.join(missing)} too.")
        return KnownClasses(
            (*self.names, name),
            np.concatenate([self.means, _mean(embeddings)]),
            self.levels,
            (*self.facts, tuple(given[level] for level in self.levels)),
        )

    def without(self, name: str) -> "KnownClasses":
        """Leave a class out.

        Raises:
            OptionError: No such class, or only two are left.
        """
        if name not in self.names:
            raise OptionError(f"There is no class '{name}'.{suggestion(name, self.names)}")
        if len(self.names) == 2:
            raise OptionError("Two classes are left; a classifier needs two.")
        kept = [i for i, other in enumerate(self.names) if other != name]
        return KnownClasses(tuple(self.names[i] for i in kept), self.means[kept], self.levels, tuple(self.facts[i] for i in kept))

    def to_dict(self) -> dict[str, Any]:
        """Plain values but the means."""
        return {"names": list(self.names), "levels": list(self.levels), "facts": [list(fact) for fact in self.facts]}


def know(data: ImageDataset, embeddings: np.ndarray, labels: np.ndarray) -> KnownClasses:
    """Know the classes of a dataset from some of its photos.

    Args:
        data: Its classes; the attributes of its samples say what they are.
        embeddings: Of unit length, shape `(n, dim)`.
        labels: Class ids of the same photos, shape `(n,)`.
    """
    means = np.concatenate([_mean(embeddings[labels == i]) for i in range(len(data.class_names))])
    facts = _facts(data)
    levels = tuple(level for level in LEVELS if all(level in fact for fact in facts))
    return KnownClasses(data.class_names, means, levels, tuple(tuple(fact[level] for level in levels) for fact in facts))


def _facts(data: ImageDataset) -> list[dict[str, str]]:
    """Give what all photos of a class agree in."""
    values: list[dict[str, set[str | None]]] = [{level: set() for level in LEVELS} for _ in data.class_names]
    for sample in data.samples:
        for level, seen in values[sample.class_id].items():
            seen.add(sample.attributes.get(level))
    agreed = [{level: next(iter(seen)) for level, seen in of_class.items() if len(seen) == 1} for of_class in values]
    return [{level: value for level, value in fact.items() if value} for fact in agreed]


def _mean(embeddings: np.ndarray) -> np.ndarray:
    """Give the mean direction of embeddings: `(1, dim)`."""
    if not np.isfinite(embeddings).all():
        raise DataError("An embedding is infinite or no number; train again at a lower learning rate.")
    return to_unit_length(embeddings.sum(axis=0, keepdims=True))


def to_unit_length(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors `(n, dim)` to unit length: float32; zeros stay zeros."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)
