"""Model files: the card they carry, their validation, and the onnxruntime session."""
