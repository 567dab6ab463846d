import keras
import numpy as np
import pytest

from car_recog import get_backbone
from car_recog.backbones.stages import stages
from car_recog.data.augment import Augmentation
from car_recog.training.freezing import freeze
from car_recog.training.history import History
from car_recog.training.loop import Task, run_phase
from car_recog.training.presets import get_recipe, list_recipes


@pytest.mark.parametrize("name", list_recipes())
def test_augmentations_of_named_recipes_are_known(name: str) -> None:
    for phase in get_recipe(name).phases:
        Augmentation((32, 32), phase.augmentation)


def test_brands_thaws_stage_by_stage() -> None:
    recipe = get_recipe("brands")

    assert [phase.trainable for phase in recipe.phases] == ["head", 1, 2, "all"]
    assert {(phase.schedule, phase.accumulation) for phase in recipe.phases} == {("one_cycle", 2)}
    assert recipe.class_balance == 1.0


class OneBatch(keras.utils.PyDataset):
    """One batch of noise, again and again."""

    epoch = 0

    def __len__(self) -> int:
        return 1

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        return np.random.default_rng(0).uniform(0, 255, (8, 64, 64, 3)).astype("float32"), np.arange(8) % 2


def test_ladder_transfer_leaves_exactly_the_first_70_layers_of_mobilenet_untouched() -> None:
    keras.utils.set_random_seed(0)
    spec = get_backbone("mobilenet")
    backbone = spec.build_checked(weights=None, image_size=(64, 64), backbone_options={"alpha": 0.25})
    model = keras.Model(backbone.input, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(backbone.output)))
    before = {layer.name: layer.get_weights() for layer in backbone.layers}
    recipe, loss = get_recipe("ladder_transfer", epochs=1), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    (phase,) = recipe.phases
    task = Task(loss=loss, metric=lambda: keras.metrics.SparseCategoricalAccuracy(name="accuracy"), chance=0.5, has_progress=False)

    freeze(stages(backbone, spec), phase)
    batches = OneBatch()
    run_phase(model, phase, task, History(), recipe=recipe, batches=batches, n_epochs=1, validation=batches, n_watched=8)

    changed = {layer.name for layer in backbone.layers if any(map(np.any, map(np.subtract, layer.get_weights(), before[layer.name])))}
    theirs = keras.applications.MobileNet(include_top=False, weights=None, alpha=0.25, input_shape=(64, 64, 3)).layers
    assert changed == {layer.name for layer in theirs[70:] if layer.weights}
