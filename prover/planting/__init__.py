"""Wrong claims that are known to be wrong: made, exposed, and held against validators."""
