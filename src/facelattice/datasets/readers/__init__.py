"""Readers of annotated datasets, one file a layout; `detect_layout.read_samples` chooses the reader."""
