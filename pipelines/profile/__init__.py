"""`circuits profile`: what heads attend to and write on the prompts of a task."""
