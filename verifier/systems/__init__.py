"""The checking halves of proof systems."""
