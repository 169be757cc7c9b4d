"""One of each: a method, a task, a metric, an ablation, a selection, an export and a command."""
