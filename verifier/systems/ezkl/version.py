"""The one release of the ezkl package whose proofs are understood here."""

EZKL_VERSION = "23.0.5"
