import attrs
import pytest

from car_recog.errors import OptionError, UnknownNameError
from car_recog.training.presets import get_recipe, list_recipes
from car_recog.training.recipe import Phase, Recipe


def test_photos_seen_become_the_nearest_number_of_epochs() -> None:
    phase = Phase(photos_seen=48_000, min_epochs=5)

    assert [phase.count_epochs(n) for n in (800, 2_400, 80_000)] == [60, 20, 5]


def test_a_phase_needs_one_length() -> None:
    with pytest.raises(OptionError, match="The phase 'train' needs either epochs or photos_seen"):
        Phase()
    with pytest.raises(OptionError, match="needs either epochs or photos_seen"):
        Phase(epochs=1, photos_seen=1)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("optimizer", "adagrad", "Phase.optimizer must be one of adam, adamw, sgd; got 'adagrad'"),
        ("schedule", "linear", "Phase.schedule must be one of constant, cosine, one_cycle, plateau; got 'linear'"),
        ("batch_norm", "thaw", "Phase.batch_norm must be one of train, frozen; got 'thaw'"),
        ("learning_rate", 0.0, "Phase.learning_rate must be above 0; got 0.0"),
        ("learning_rate", "fast", "Phase.learning_rate must be above 0; got 'fast'"),
        ("warmup", 1.0, "Phase.warmup must be at least 0 and below 1; got 1.0"),
        ("accumulation", 0, "Phase.accumulation must be an integer from 1 on; got 0"),
        ("l2", -1.0, "Phase.l2 must be at least 0; got -1.0"),
        ("batch_size", 0, "Phase.batch_size must be an integer from 1 on; got 0"),
        ("weight_decay", -0.1, "Phase.weight_decay must be at least 0; got -0.1"),
        ("global_clip_norm", 0.0, "Phase.global_clip_norm must be above 0, or None; got 0.0"),
        ("trainable", 0, "Phase.trainable must be all, head, a number of stages or the name of a layer; got 0"),
        ("augmentation", [0.5], "Phase.augmentation must be a mapping of names to numbers"),
    ],
)
def test_a_value_out_of_range_is_named(field: str, value: object, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Phase(epochs=1, **{field: value})


def test_two_ways_of_clipping_exclude_each_other() -> None:
    with pytest.raises(OptionError, match="takes clip_norm or global_clip_norm, not both"):
        Phase(epochs=1, clip_norm=1.0, global_clip_norm=1.0)


def test_a_recipe_needs_phases() -> None:
    with pytest.raises(OptionError, match="Recipe.phases must be one or more Phase"):
        Recipe(phases=[])


def test_averages_and_early_stopping_exclude_each_other() -> None:
    with pytest.raises(OptionError, match="averaging or patience, not both"):
        Recipe(phases=[Phase(epochs=1)], averaging=0.99, patience=3)


def test_early_stopping_and_a_rate_that_falls_on_a_plateau_need_validation() -> None:
    plain, plateau = Recipe(phases=[Phase(epochs=1)]), Recipe(phases=[Phase(epochs=1), Phase(epochs=1, schedule="plateau")])

    assert [recipe.needs_validation for recipe in (plain, plateau, attrs.evolve(plain, patience=2))] == [False, True, True]


def test_train_size_is_a_multiple_of_32() -> None:
    assert Phase(epochs=1, train_scale=0.7).train_size((224, 320)) == (160, 224)
    assert Phase(epochs=1).train_size((225, 321)) == (225, 321)


def test_the_paper_recipe_is_the_one_of_the_paper() -> None:
    (phase,) = get_recipe("paper").phases

    assert attrs.asdict(phase) == attrs.asdict(
        Phase(
            name="paper",
            epochs=20,
            trainable="all",
            batch_size=16,
            optimizer="adam",
            learning_rate=1e-4,
            schedule="constant",
            clip_norm=1.0,
            augmentation={},
        )
    )


@pytest.mark.parametrize(
    ("phases", "epochs", "shares"),
    [
        ([Phase(photos_seen=25_000), Phase(photos_seen=22_000)], 30, [16, 14]),
        ([Phase(epochs=6), Phase(epochs=3), Phase(epochs=3)], 7, [4, 1, 2]),
        ([Phase(epochs=5, trainable="head"), Phase(photos_seen=100)], 4, [2, 2]),
        ([Phase(photos_seen=9), Phase(photos_seen=1)], 1, [1, 1]),
    ],
)
def test_epochs_are_shared_by_the_phases(phases: list[Phase], epochs: int, shares: list[int]) -> None:
    recipe = get_recipe(Recipe(phases=phases), epochs=epochs)

    assert [(phase.epochs, phase.photos_seen) for phase in recipe.phases] == [(share, None) for share in shares]


def test_an_unknown_recipe_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Unknown recipe: 'finetun'. Did you mean 'finetune'?"):
        get_recipe("finetun")
    with pytest.raises(OptionError, match="recipe must be a name or a Recipe; got int"):
        get_recipe(3)


def test_all_named_recipes_are_listed() -> None:
    assert list_recipes() == ["brands", "ecommerce", "finetune", "ladder", "ladder_augmented", "ladder_transfer", "paper"]
