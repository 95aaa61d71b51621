"""Datasets: readers of annotations, samples, augmented face crops, and the order in which training uses them."""
