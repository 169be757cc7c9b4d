"""A package of somebody else that adds one of each: the files to copy for a package of your own."""
