"""`circuits evaluate`: judge finished runs."""
