"""The networks of keras.applications as backbones: one table, and the one function that builds them all."""

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from car_recog.backbones.normalize import DEVIATION, WORDS, Normalization, normalize
from car_recog.backbones.registry import BackboneSpec
from car_recog.backbones.weights import fetch_error, load_weights
from car_recog.errors import OptionError

if TYPE_CHECKING:
    import keras


@attrs.frozen
class _Family:
    """What the networks of one paper share.

    Args:
        source: The paper.
        licence: Licence of the ImageNet weights that Keras distributes.
        normalization: What the photos go through; `"none"` where the network does it itself.
        min_side: Smallest side of a photo, in pixels.
        options: The backbone_options that make another network.
        can_switch_off: Whether the normalization inside the network can be left out.
        is_size_flexible: Whether the network can be built without knowing the size of the photos.
    """

    source: str
    licence: str
    normalization: Normalization
    min_side: int = attrs.field(default=32, kw_only=True)
    options: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    can_switch_off: bool = attrs.field(default=False, kw_only=True)
    is_size_flexible: bool = attrs.field(default=True, kw_only=True)

    @property
    def normalizations(self) -> tuple[str, ...]:
        return ("backbone", "unit") if self.normalization != "none" or self.can_switch_off else ("backbone",)


_RESNET = _Family("He et al., CVPR 2016, arXiv:1512.03385", "MIT", "bgr")
_RESNET_V2 = _Family("He et al., ECCV 2016, arXiv:1603.05027", "BSD-3-Clause", "signed")
_INCEPTION_V3 = _Family("Szegedy et al., CVPR 2016, arXiv:1512.00567", "Apache-2.0", "signed", min_side=75)
_INCEPTION_RESNET = _Family("Szegedy et al., AAAI 2017, arXiv:1602.07261", "Apache-2.0", "signed", min_side=75)
_MOBILENET = _Family("Howard et al., 2017, arXiv:1704.04861", "Apache-2.0", "signed", options=("alpha", "depth_multiplier"))
_MOBILENET_V2 = _Family("Sandler et al., CVPR 2018, arXiv:1801.04381", "Apache-2.0", "signed", options=("alpha",))
_MOBILENET_V3 = _Family(
    "Howard et al., ICCV 2019, arXiv:1905.02244", "Apache-2.0", "none", options=("alpha", "minimalistic"), can_switch_off=True
)
_EFFICIENTNET = _Family("Tan and Le, ICML 2019, arXiv:1905.11946", "Apache-2.0", "none")
_EFFICIENTNET_V2 = _Family("Tan and Le, ICML 2021, arXiv:2104.00298", "Apache-2.0", "none", can_switch_off=True)
_DENSENET = _Family("Huang et al., CVPR 2017, arXiv:1608.06993", "BSD-3-Clause", "imagenet")
_XCEPTION = _Family("Chollet, CVPR 2017, arXiv:1610.02357", "MIT", "signed", min_side=71)
_CONVNEXT = _Family("Liu et al., CVPR 2022, arXiv:2201.03545", "MIT", "none", can_switch_off=True)
_VGG = _Family("Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556", "CC-BY-4.0", "bgr")
_NASNET = _Family("Zoph et al., CVPR 2018, arXiv:1707.07012", "Apache-2.0", "signed", is_size_flexible=False)

# Name: the function in keras.applications, the natural side of a photo in pixels, the family.
_TABLE: Final[dict[str, tuple[str, int, _Family]]] = {
    "resnet50": ("ResNet50", 224, _RESNET),
    "resnet101": ("ResNet101", 224, _RESNET),
    "resnet152": ("ResNet152", 224, _RESNET),
    "resnet50_v2": ("ResNet50V2", 224, _RESNET_V2),
    "resnet101_v2": ("ResNet101V2", 224, _RESNET_V2),
    "resnet152_v2": ("ResNet152V2", 224, _RESNET_V2),
    "inception_v3": ("InceptionV3", 299, _INCEPTION_V3),
    "inception_resnet_v2": ("InceptionResNetV2", 299, _INCEPTION_RESNET),
    "mobilenet": ("MobileNet", 224, _MOBILENET),
    "mobilenet_v2": ("MobileNetV2", 224, _MOBILENET_V2),
    "mobilenet_v3_small": ("MobileNetV3Small", 224, _MOBILENET_V3),
    "mobilenet_v3_large": ("MobileNetV3Large", 224, _MOBILENET_V3),
    "efficientnet_b0": ("EfficientNetB0", 224, _EFFICIENTNET),
    "efficientnet_b1": ("EfficientNetB1", 240, _EFFICIENTNET),
    "efficientnet_b2": ("EfficientNetB2", 260, _EFFICIENTNET),
    "efficientnet_b3": ("EfficientNetB3", 300, _EFFICIENTNET),
    "efficientnet_b4": ("EfficientNetB4", 380, _EFFICIENTNET),
    "efficientnet_b5": ("EfficientNetB5", 456, _EFFICIENTNET),
    "efficientnet_b6": ("EfficientNetB6", 528, _EFFICIENTNET),
    "efficientnet_b7": ("EfficientNetB7", 600, _EFFICIENTNET),
    "efficientnet_v2_b0": ("EfficientNetV2B0", 224, _EFFICIENTNET_V2),
    "efficientnet_v2_b1": ("EfficientNetV2B1", 240, _EFFICIENTNET_V2),
    "efficientnet_v2_b2": ("EfficientNetV2B2", 260, _EFFICIENTNET_V2),
    "efficientnet_v2_b3": ("EfficientNetV2B3", 300, _EFFICIENTNET_V2),
    "efficientnet_v2_s": ("EfficientNetV2S", 384, _EFFICIENTNET_V2),
    "efficientnet_v2_m": ("EfficientNetV2M", 480, _EFFICIENTNET_V2),
    "efficientnet_v2_l": ("EfficientNetV2L", 480, _EFFICIENTNET_V2),
    "densenet121": ("DenseNet121", 224, _DENSENET),
    "densenet169": ("DenseNet169", 224, _DENSENET),
    "densenet201": ("DenseNet201", 224, _DENSENET),
    "xception": ("Xception", 299, _XCEPTION),
    "convnext_tiny": ("ConvNeXtTiny", 224, _CONVNEXT),
    "convnext_small": ("ConvNeXtSmall", 224, _CONVNEXT),
    "convnext_base": ("ConvNeXtBase", 224, _CONVNEXT),
    "convnext_large": ("ConvNeXtLarge", 224, _CONVNEXT),
    "convnext_xlarge": ("ConvNeXtXLarge", 224, _CONVNEXT),
    "vgg16": ("VGG16", 224, _VGG),
    "vgg19": ("VGG19", 224, _VGG),
    "nasnet_mobile": ("NASNetMobile", 224, _NASNET),
    "nasnet_large": ("NASNetLarge", 331, _NASNET),
}


def _build(
    name: str,
    /,
    *,
    weights: str | None,
    image_size: tuple[int, int],
    normalization: Literal["backbone", "unit"] = "backbone",
    **options: Any,
) -> "keras.Model":
    """Build one network of the table, normalization included, as one flat graph."""
    import keras

    function, _, family = _TABLE[name]
    _check_options(name, options, family.options)
    photo = keras.Input((*(image_size if not family.is_size_flexible else (None, None)), 3), name="photo")
    settings = dict(options)
    if normalization == "unit" and family.can_switch_off:
        settings["include_preprocessing"] = False
    normalized = normalize(photo, "unit" if normalization == "unit" else family.normalization)
    network = _call_keras(name, function, weights if weights == "imagenet" else None, normalized, settings)
    if family is _EFFICIENTNET and weights != "imagenet":
        network = _add_rescaling(network)
    # Keras takes the file of the weights, and more, from the name of its own model; ours is given here.
    model = keras.Model(network.inputs[0], network.outputs[0], name=name)
    if weights not in (None, "imagenet"):
        load_weights(model, weights, backbone_options=options)
    return model


def _check_options(name: str, options: dict[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(options.keys() - set(known))
    if unknown:
        offered = f"takes {', '.join(map(repr, known))}" if known else "takes none"
        raise OptionError(f"The backbone '{name}' does not know the backbone_options {', '.join(map(repr, unknown))}; it {offered}.")


def _call_keras(name: str, function: str, weights: str | None, photo: Any, options: dict[str, Any]) -> "keras.Model":
    """Call a function of keras.applications and turn what it raises into our errors."""
    import keras

    try:
        with warnings.catch_warnings():
            # The MobileNets say that they take the weights of 224 pixels where the size is open: as intended.
            warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
            return getattr(keras.applications, function)(include_top=False, weights=weights, input_tensor=photo, **options)
    except (TypeError, ValueError) as error:
        raise OptionError(f"The backbone '{name}' refuses weights={weights!r} with the backbone_options {options}: {error}") from error
    except Exception as error:  # Keras raises a plain Exception when a download fails
        if weights is None:
            raise
        raise fetch_error(name, error) from error


def _add_rescaling(network: "keras.Model") -> "keras.Model":
    """Add the rescaling that Keras gives EfficientNet only where it fetches the weights itself.

    Without it the very same weights, read from a file, would give other features.
    """
    import keras

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        outputs = layer(*inputs, **options)
        if not isinstance(layer, keras.layers.Normalization):
            return outputs
        return keras.layers.Rescaling([deviation**-0.5 for deviation in DEVIATION], name="weights_rescaling")(outputs)

    return keras.models.clone_model(network, call_function=call)


def _spec(name: str) -> BackboneSpec:
    _, side, family = _TABLE[name]
    return BackboneSpec(
        name=name,
        build=partial(_build, name),
        image_size=(side, side),
        min_image_size=(family.min_side, family.min_side),
        is_size_flexible=family.is_size_flexible,
        normalization=WORDS[family.normalization],
        normalizations=family.normalizations,
        weights=("imagenet",),
        licence=family.licence,
        source=family.source,
    )


SPECS: Final[tuple[BackboneSpec, ...]] = tuple(map(_spec, _TABLE))
"""One spec for each network of keras.applications."""
