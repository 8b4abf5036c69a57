"""Disputes about claims of `optimistic/v1`: what each side does next, without a chain."""
