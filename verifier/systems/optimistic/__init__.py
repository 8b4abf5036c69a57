"""The checking half of `optimistic/v1`."""
