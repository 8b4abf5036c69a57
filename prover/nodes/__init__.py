"""What runs beside a chain: the provider that serves orders, the validator that settles them."""
