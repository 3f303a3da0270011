"""The state of a recorder, from its database: coverage, history, status and metrics."""
