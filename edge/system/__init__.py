"""The operating system: clocks, memory, logs, atomic files, standard output, systemd and board sensors."""
