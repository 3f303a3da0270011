"""Export of checkpoints to verified ONNX model files."""
