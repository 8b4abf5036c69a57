"""Talking to the contracts: deploy, register, order, settle. Nothing that verifies imports it."""
