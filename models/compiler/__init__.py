"""From an ONNX file to the integer program that a model means."""
