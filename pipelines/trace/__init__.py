"""`circuits trace`: causal tracing."""
