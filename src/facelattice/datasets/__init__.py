"""Annotations on disk -> samples -> batches: a file for each layout, then `augment`, `sampling`, `dataset`."""
