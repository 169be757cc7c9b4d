"""What changes when something is patched: paired runs, patches, gradients, circuits."""
