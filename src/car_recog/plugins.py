"""A table of named things that other packages extend through an entry-point group; nothing is imported before it is asked for."""

from collections.abc import Callable
from typing import Generic, TypeVar

from importlib_metadata import EntryPoint, entry_points

from car_recog.errors import PluginError, UnknownNameError, suggestion

T = TypeVar("T")


class PluginTable(Generic[T]):
    """Names to things: registered here, or named by an entry point and loaded when first asked for.

    Args:
        group: The entry-point group, such as `car_recog.backbones`.
        noun: What one thing is called in messages, such as `backbone`.
        listing: How a reader lists all names, for the message about an unknown one.
        accept: Turns what a plug-in's entry point loads into the thing, or raises with the reason.
    """

    def __init__(self, group: str, *, noun: str, listing: str, accept: Callable[[str, object], T]) -> None:
        self.group = group
        self.noun = noun
        self.listing = listing
        self._accept = accept
        self._things: dict[str, T] = {}
        self._owners: dict[str, str] = {}
        self._offers: dict[str, list[EntryPoint]] | None = None

    def register(self, name: str, thing: T, *, owner: str) -> None:
        """Add a thing; `owner` says who does, for the message when two claim one name.

        No entry point is read: a package that offers the same name is reported when the name is asked for, so that none can keep this
        library from starting.

        Raises:
            PluginError: The name is taken; both owners are named.
        """
        if name in self._owners:
            raise PluginError(f"The {self.noun} '{name}' is registered twice: by {self._owners[name]} and by {owner}. Rename one of them.")
        self._things[name] = thing
        self._owners[name] = owner

    def names(self) -> list[str]:
        """All names, sorted. No plug-in is imported."""
        return sorted(self._things.keys() | self._entry_points().keys())

    def owner(self, name: str) -> str:
        """Who offers a name: this library, the calling program, or an installed package."""
        return " and ".join(self._all_owners(name))

    def get(self, name: str) -> T:
        """Look a thing up, loading its plug-in where one offers it.

        Raises:
            UnknownNameError: Nobody offers the name; the nearest one is suggested.
            PluginError: The plug-in that offers it is broken, or two claim the name.
        """
        owners = self._all_owners(name)
        if not owners:
            raise UnknownNameError(
                f"Unknown {self.noun}: '{name}'.{suggestion(name, self.names())}\n"
                f"Plugins add more through the '{self.group}' entry-point group; {self.listing} lists all."
            )
        if len(owners) > 1:
            raise PluginError(f"The {self.noun} '{name}' is offered by {' and by '.join(owners)}. Uninstall or rename one of them.")
        if name not in self._things:
            self._things[name] = self._load(self._entry_points()[name][0])
            self._owners[name] = owners[0]
        return self._things[name]

    def _load(self, offer: EntryPoint) -> T:
        try:
            return self._accept(offer.name, offer.load())
        except Exception as error:  # a plug-in is a stranger's code: whatever it raises becomes one named error
            raise PluginError(
                f"The {self.noun} plug-in '{offer.name}' ({offer.value}) of {_package(offer)} is broken: {type(error).__name__}: {error}\n"
                "Update or uninstall that package; everything else works without it."
            ) from error

    def _all_owners(self, name: str) -> list[str]:
        offers = [_package(offer) for offer in self._entry_points().get(name, [])]
        owner = self._owners.get(name)
        return offers if owner is None or owner in offers else [owner, *offers]

    def _entry_points(self) -> dict[str, list[EntryPoint]]:
        if self._offers is None:
            self._offers = {}
            for offer in entry_points(group=self.group):
                self._offers.setdefault(offer.name, []).append(offer)
        return self._offers


def _package(offer: EntryPoint) -> str:
    """Name the installed package behind an entry point."""
    return f"the package '{offer.dist.name}'" if offer.dist else f"'{offer.value}'"
