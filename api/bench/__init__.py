"""`avow bench`: what a proof costs, measured here."""
