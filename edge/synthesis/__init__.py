"""Synthetic soundscapes with known masks: calls, weather, and the demo file."""
