"""birdedge: a bird-sound segmenter for field recorders."""

__version__ = "0.1.0"
