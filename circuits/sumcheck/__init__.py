"""Compiling for `sumcheck/v1`: keys, artifacts, costs, and checking a key against its model."""
