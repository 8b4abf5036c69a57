"""Who may ask for what, and how often: API keys, rate limits, idempotency keys."""
