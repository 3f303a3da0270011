"""Synthetic soundscapes with known masks: calls, weather, and the demo file."""

DEMO_S, DEMO_SEED = 60.0, 20  # duration and seed of the demo soundscape
