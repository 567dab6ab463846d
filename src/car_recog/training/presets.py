"""The recipes that have names, by kind of recogniser."""

from car_recog.errors import OptionError, UnknownNameError, suggestion
from car_recog.training.recipe import Phase, Recipe

FINETUNE = Recipe(
    name="finetune",
    head_start=0.01,
    label_smoothing=0.1,
    phases=[
        Phase(
            name="finetune",
            photos_seen=30_000,
            min_epochs=5,
            train_scale=0.85,
            learning_rate=2e-3,
            weight_decay=0.05,
            global_clip_norm=5.0,
            augmentation={"flip": 0.5, "crop_area": 0.5, "brightness": 0.3, "contrast": 0.3, "saturation": 0.3},
        )
    ],
)
"""Everything is trained at once. What each ingredient is worth stands in the documentation under Training."""

PAPER = Recipe(
    name="paper",
    phases=[
        Phase(name="paper", epochs=20, batch_size=16, optimizer="adam", learning_rate=1e-4, schedule="constant", clip_norm=1.0)
    ],
)
"""The part classifier of the paper (section III.A.3 and 4): from scratch, no augmentation."""

IDENTITIES = Recipe(
    name="finetune",
    phases=[
        Phase(
            name="finetune",
            photos_seen=40_000,
            min_epochs=5,
            batch_size=48,
            train_scale=0.85,
            learning_rate=1.5e-3,
            weight_decay=0.05,
            global_clip_norm=5.0,
            augmentation={"flip": 0.5, "crop_area": 0.6},
        )
    ],
)
"""Metric learning on identities. Colours are not changed: they tell cars apart."""

PAIRS_PAPER = Recipe(
    name="paper",
    phases=[
        Phase(
            name="paper", epochs=20, batch_size=128, trainable="head", optimizer="adam", learning_rate=1e-3, schedule="constant"
        )
    ],
)
"""The verifier of the paper (section III.B). The paper names no optimiser for it; Adam 1e-3 is our choice."""

_NAMED = {
    "classifier": {"finetune": FINETUNE, "paper": PAPER},
    "identities": {"finetune": IDENTITIES},
    "pairs": {"finetune": PAIRS_PAPER, "paper": PAIRS_PAPER},
}


def list_recipes(kind: str = "classifier") -> list[str]:
    """Names of the recipes for a kind of training: see `get_recipe`."""
    return sorted(_NAMED[kind])


def get_recipe(recipe: str | Recipe, *, kind: str = "classifier", epochs: int | None = None) -> Recipe:
    """Look a recipe up.

    Args:
        recipe: A name, or a recipe, which is returned as it is.
        kind: What is trained: `"classifier"`; a verifier on `"identities"` or on `"pairs"`.
        epochs: Replaces the length of every phase.

    Raises:
        UnknownNameError: No recipe of that name; the nearest is suggested.
        OptionError: Neither a name nor a recipe.

    Example:
        >>> get_recipe("paper").phases[0].learning_rate
        0.0001
    """
    if isinstance(recipe, str):
        named = _NAMED[kind]
        if recipe not in named:
            raise UnknownNameError(f"Unknown recipe: '{recipe}'.{suggestion(recipe, named)} Recipes for {kind} are {', '.join(named)}.")
        recipe = named[recipe]
    if not isinstance(recipe, Recipe):
        raise OptionError(f"recipe must be a name or a Recipe; got {type(recipe).__name__}.")
    return recipe if epochs is None else recipe.with_phases(epochs=epochs, photos_seen=None)
