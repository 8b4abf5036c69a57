"""Several bundles about one answer, judged together by a policy over all of them."""
