"""Synthetic soundscapes: calls, weather and the demo."""
