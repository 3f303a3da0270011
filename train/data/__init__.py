"""Recordings, splits, mixing, labels and training examples."""
