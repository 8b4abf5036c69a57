"""The checking half of `ezkl/v1`: halo2 proofs over BN254 made by the ezkl package."""
