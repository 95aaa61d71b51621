"""Readers of annotated datasets, one file for each layout; `detect_layout.read_samples` chooses the reader."""
