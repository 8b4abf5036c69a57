"""Compiling models for `ezkl/v1` and running ezkl, always in processes of their own."""
