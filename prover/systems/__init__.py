"""The proving halves of proof systems."""
