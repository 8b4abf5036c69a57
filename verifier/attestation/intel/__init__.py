"""Quotes of Intel TDX and SGX."""
