"""The equations that hold of a program's run: what a proof system then has to prove."""
