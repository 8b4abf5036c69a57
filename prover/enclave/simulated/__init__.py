"""Evidence of the real layout under a root of one's own, marked SIMULATED."""
