"""The companion: a process next to recorders that finds them and passes on what they write."""
