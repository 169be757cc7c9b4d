"""Prompts, images and questions about them. No model."""
