"""`circuits prompts`: what a model sees of prompts and whether it answers them, and a file to begin with."""
