"""The proving half of `sumcheck/v1`: integers in numpy, field elements and points in C++."""
