"""What a command will take, before it runs: jobs, batches, memory, time."""
