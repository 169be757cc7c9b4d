"""What every run has: settings, prompts, first jobs, and its folder."""
