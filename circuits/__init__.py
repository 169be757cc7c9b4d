"""Measure: everything that touches a model."""
