"""`circuits study`: scores over the values of one setting."""
