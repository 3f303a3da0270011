"""Clips: which audio is kept, how it is written, and how long it stays."""
