"""Enclaves that answer: a key in memory, a program that was measured, a receipt for each batch."""
