"""Three small models trained on real data, with the code that reproduces them."""
