"""Telling a caller's server what became of a job, after the Standard Webhooks specification."""
