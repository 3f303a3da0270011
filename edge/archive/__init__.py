"""Many recordings at full speed, in one process or several."""
