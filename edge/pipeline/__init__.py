"""From samples to events: the signal path, without I/O, clocks or threads."""
