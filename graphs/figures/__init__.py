"""Drawings for papers, one kind per file."""
