"""The recipes that have names, by kind of recogniser."""

import attrs

from car_recog.errors import OptionError, UnknownNameError, suggestion
from car_recog.training.recipe import Phase, Recipe

_FINETUNE = Phase(
    name="finetune",
    photos_seen=47_000,
    min_epochs=3,
    train_scale=0.85,
    learning_rate=2e-3,
    weight_decay=0.05,
    global_clip_norm=5.0,
    augmentation={"flip": 0.5, "crop_area": 0.5, "brightness": 0.3, "contrast": 0.3, "saturation": 0.3},
)

FINETUNE = Recipe(
    name="finetune",
    head_start=0.01,
    label_smoothing=0.1,
    phases=[
        attrs.evolve(_FINETUNE, name="small photos", photos_seen=53_000, train_scale=0.6, learning_rate=1.5e-3, schedule="constant"),
        _FINETUNE,
    ],
)
"""Everything is trained at once, first on small photos, which cost half. What each ingredient is worth stands in the documentation under
Training."""

PAPER = Recipe(
    name="paper",
    phases=[
        Phase(name="paper", epochs=20, batch_size=16, optimizer="adam", learning_rate=1e-4, schedule="constant", clip_norm=1.0)
    ],
)
"""The part classifier of the paper (section III.A.3 and 4): from scratch, no augmentation."""

_BRANDS = Phase(
    name="all stages",
    photos_seen=60_000,
    min_epochs=5,
    train_scale=0.85,
    accumulation=2,
    learning_rate=2e-3,
    schedule="one_cycle",
    weight_decay=0.05,
    global_clip_norm=5.0,
    augmentation={
        "flip": 0.5, "rotation": 15.0, "crop_area": 0.5, "erasing": 0.25,
        "brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.03,
    },
)

_BRANDS_BEGUN = attrs.evolve(_BRANDS, photos_seen=5_000, min_epochs=2, train_scale=1.0, learning_rate=1e-3)

BRANDS = Recipe(
    name="brands",
    class_balance=1.0,
    label_smoothing=0.1,
    phases=[
        attrs.evolve(_BRANDS_BEGUN, name="head", trainable="head", photos_seen=10_000, min_epochs=5, augmentation={}),
        attrs.evolve(_BRANDS_BEGUN, name="last stage", trainable=1),
        attrs.evolve(_BRANDS_BEGUN, name="last two stages", trainable=2),
        _BRANDS,
    ],
)
"""Many classes of unequal size: the head first, on features, then the backbone stage by stage. The head `"brands"` belongs to it."""

_ECOMMERCE = Phase(
    name="all",
    photos_seen=30_000,
    min_epochs=5,
    optimizer="sgd",
    momentum=0.9,
    learning_rate=3e-2,
    global_clip_norm=5.0,
    augmentation={"flip": 0.5, "rotation": 15.0, "zoom": 0.2},
)

ECOMMERCE = Recipe(
    name="ecommerce", phases=[attrs.evolve(_ECOMMERCE, name="head", trainable="head", learning_rate=2e-2, augmentation={}), _ECOMMERCE]
)
"""Listing photos: the new dense layers first, on features, then the convolutional layers too."""

MOBILENET_71ST = "conv_pw_11"
"""The layer after the first 70 of `keras.applications.MobileNet(include_top=False).layers`, the input counted."""

_LADDER = Phase(name="ladder", photos_seen=30_000, min_epochs=5, optimizer="adam", learning_rate=1e-3, schedule="constant")
_LADDER_AUGMENTED = attrs.evolve(_LADDER, augmentation={"flip": 0.5, "rotation": 15.0, "zoom": 0.2, "translation": 0.1})

LADDER = Recipe(name="ladder", phases=[_LADDER])
"""The first of five models: a plain network from random weights."""

LADDER_AUGMENTED = Recipe(name="ladder_augmented", phases=[_LADDER_AUGMENTED])
"""The second to fourth: with random changes to the photos."""

LADDER_TRANSFER = Recipe(
    name="ladder_transfer",
    patience=8,
    phases=[attrs.evolve(_LADDER_AUGMENTED, trainable=MOBILENET_71ST, learning_rate=3e-4)],
)
"""The fifth: MobileNet with its first 70 layers frozen, and early stopping, which needs validation photos."""

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
    "classifier": {recipe.name: recipe for recipe in (FINETUNE, PAPER, BRANDS, ECOMMERCE, LADDER, LADDER_AUGMENTED, LADDER_TRANSFER)},
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
        epochs: Passes over the photos in all, instead of its own length: see `Recipe.with_epochs`.

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
    return recipe if epochs is None else recipe.with_epochs(epochs)
