"""Layered drawings of circuits: what is shown of them, where it stands, how it looks, and the page around it."""
