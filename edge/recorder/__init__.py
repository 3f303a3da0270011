"""The daemon: reconnection, load shedding, schedule, configuration and its systemd unit."""
