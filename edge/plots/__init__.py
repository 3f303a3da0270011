"""Figures of spectrograms, masks and events."""
