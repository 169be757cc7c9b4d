"""`circuits orders`: how much answers depend on the order of the options."""
