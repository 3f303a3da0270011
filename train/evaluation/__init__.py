"""Scores of models, checkpoints and baselines on held-out recordings."""
