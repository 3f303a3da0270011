"""Model files: their names, card, validation and onnxruntime session."""
