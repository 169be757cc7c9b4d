"""`circuits attention`: where chosen heads attend on a prompt, or by role over prompts."""
