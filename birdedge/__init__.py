"""birdedge: a segmenter of bird sound for field recorders."""

__version__ = "0.1.0"
