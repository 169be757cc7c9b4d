"""One of each: a method, a task, a metric, an ablation, an export and a command."""
