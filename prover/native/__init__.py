"""The native core of the sumcheck prover: fields, commitments, sumchecks and the transcript."""
