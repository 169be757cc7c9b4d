"""`circuits roles`: what the heads of a circuit do, by written rules."""
