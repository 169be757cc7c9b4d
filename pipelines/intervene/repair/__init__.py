"""`circuits intervene repair`: make heads do on one task what they do on another, and see whether that solves it."""
