"""The integer program: the one exact meaning of a compiled model."""
