"""`circuits reproduce`: published results, measured again beside the published numbers."""
