"""Remedies, all run the same way: half of the prompts chooses heads and strengths, the other half judges them."""
