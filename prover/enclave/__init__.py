"""Enclaves that answer; so far only a simulated one, whose evidence says so everywhere."""
