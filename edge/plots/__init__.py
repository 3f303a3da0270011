"""Images of spectrograms, masks and events."""
