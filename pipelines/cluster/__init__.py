"""`circuits cluster`: whether the prompts of a run use one circuit, or several."""
