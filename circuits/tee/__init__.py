"""Compiling for `tee/v1`: the program that an enclave runs, and the software that may run it."""
