"""Ablation studies: train and evaluate a grid of recipe changes and seeds."""
