"""Loading ONNX models, fixing their schema, storing them and measuring them in floating point."""
