"""`circuits intervene rank`: how few directions of their queries, keys and values heads need."""
