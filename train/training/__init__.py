"""Recipes, the training loop, losses, checkpoints and distillation."""
