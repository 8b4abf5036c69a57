"""Compiling for `optimistic/v1`: the program, the key of its descriptors, the record."""
