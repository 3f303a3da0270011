"""Checks of this machine, its microphone and its models."""
