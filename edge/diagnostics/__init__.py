"""Checks of the machine, the microphone and the model, and speed measurement."""
