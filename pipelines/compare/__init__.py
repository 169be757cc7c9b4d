"""`circuits compare`: what the circuits of two runs share."""
