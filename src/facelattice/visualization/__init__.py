"""Drawings: faces over images, point schemes, the landmark graph, edge weights."""
