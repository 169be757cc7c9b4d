"""What circuits share: differences, reuse against an exact null, and causal traces."""
