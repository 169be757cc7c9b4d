"""Discrete head coding: every head's output becomes the number of an autoencoder's strongest feature.

features -> training -> codes -> counting -> scoring. A head, or a pair of heads, is scored by the codes that occur
only on prompts in which the model does the task. Source: O'Neill & Bui 2024 (arXiv 2405.12522).
"""
