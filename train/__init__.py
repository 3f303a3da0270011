"""Training and evaluation on a workstation: data, networks, training runs and scores."""
