"""Models to measure with: real training where the data allow it, random weights that say so."""
