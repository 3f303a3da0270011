"""What runs on the recorder: numpy in, numpy out, never torch."""
