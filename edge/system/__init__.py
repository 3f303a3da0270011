"""The machine underneath: clocks, memory, logs, files that appear whole, systemd."""
