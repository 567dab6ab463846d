"""Backbones: a name -> a Keras model from photos in [0, 255] to a feature map."""

from car_recog.backbones import builtin, plain
from car_recog.backbones.registry import BackboneSpec, backbone_owner, get_backbone, list_backbones, register_backbone

for _spec in (*builtin.SPECS, *plain.SPECS):
    register_backbone(_spec, owner="car-recog")

__all__ = ["BackboneSpec", "backbone_owner", "get_backbone", "list_backbones", "register_backbone"]
