"""The proving half of `tee/v1`: the worker's enclave answers and signs."""
