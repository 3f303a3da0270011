"""Where samples come from and how they are encoded: devices, files, pipes."""
