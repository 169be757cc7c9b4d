"""`circuits codes`: what the codes of heads mean."""
