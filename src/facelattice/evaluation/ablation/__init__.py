"""Ablation studies: train and measure a grid of recipe changes and seeds."""
