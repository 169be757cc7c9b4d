"""`circuits reads`: why heads attend where they do, by what was written on both sides."""
