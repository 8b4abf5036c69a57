"""Talking to the contracts: deploy, register, order, settle. Nothing that verifies imports it."""

# web3 imports py_ecc; whoever imports this keeps the recursion limit all the same.
from avow.verifier import curves as curves
