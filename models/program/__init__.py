"""The integer program run by machines: files, intervals, the reference and the fast executor."""
