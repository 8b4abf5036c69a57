"""Attestation documents of AWS Nitro enclaves."""
