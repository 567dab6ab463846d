"""Data: files on disk -> samples -> batches."""
