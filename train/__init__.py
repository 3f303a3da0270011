"""The workstation: data, network, training loop and metrics."""
