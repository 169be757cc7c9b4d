"""`circuits reuse`: what a comparison of runs found, on one page."""
