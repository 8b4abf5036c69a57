"""What one transaction can carry to a contract."""

# Nodes pass on transactions of 128 KiB: all but what is around the calldata.
MOST_OCTETS = 2**17 - 2**9
