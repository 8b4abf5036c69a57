"""The proving half of `optimistic/v1`: the run, and the commitment to it."""
