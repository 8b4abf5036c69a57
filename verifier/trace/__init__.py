"""The locally checkable trace: commitments to every tensor of a run, and what refutes one."""
