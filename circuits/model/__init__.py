"""One opened model: loading it, checking it, and running all or part of it."""
