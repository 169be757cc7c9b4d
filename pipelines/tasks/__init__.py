"""`circuits tasks --model M`: which tasks a model does."""
