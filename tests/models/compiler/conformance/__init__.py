"""The official operator tests of the onnx package, and the ledger of what became of each."""
