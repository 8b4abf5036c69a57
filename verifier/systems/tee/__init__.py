"""The checking half of `tee/v1`: an enclave signed the answer, a vendor vouches for its key."""
