"""Checkpoint to verified ONNX model file."""
