"""`circuits discover`: find the circuit of a task."""
