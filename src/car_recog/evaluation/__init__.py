"""Evaluation: arrays in, numbers and pages out."""
