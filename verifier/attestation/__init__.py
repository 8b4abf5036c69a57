"""Attestation evidence of hardware vendors, checked offline: quotes, documents, event logs."""
