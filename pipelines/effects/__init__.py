"""`circuits effects`: direct and total effect of every head and MLP at the answer position."""
