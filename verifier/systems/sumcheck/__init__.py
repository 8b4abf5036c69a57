"""The checking half of `sumcheck/v1`: plain Python integers, with py_ecc for the pairing."""
