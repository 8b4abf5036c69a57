"""Circuits: a model compiled for a proof system, with its keys and records."""
