"""Losses: logits or embeddings and labels -> what training makes small."""

from car_recog.losses.focal import FocalLoss

__all__ = ["FocalLoss"]
