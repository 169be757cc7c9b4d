"""What a study costs, computed from the shape of a model: work, memory, files. Nothing is run."""
