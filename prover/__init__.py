"""The prover: jobs, queue, workers, and the proving half of every proof system."""
