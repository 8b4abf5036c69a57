"""The files of an artifact of `ezkl/v1` beside its records."""

GRAPH = "graph.onnx"
SETTINGS = "settings.json"
CIRCUIT = "circuit.ezkl"
VK = "vk.key"
PK = "pk.key"
SRS = "srs"
SOLIDITY = "verifier.sol"
EVM = "verifier.json"
REQUIRED = (GRAPH, SETTINGS, CIRCUIT, VK, PK, SRS)
OPTIONAL = (SOLIDITY, EVM)
