"""Jobs, their queue and the workers that answer and prove them."""
