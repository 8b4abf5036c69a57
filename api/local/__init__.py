"""A whole network on this machine: chain, contracts, worker, nodes, each a supervised child."""
