"""How each ONNX operator becomes operations of the program."""
