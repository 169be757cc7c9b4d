"""Figures drawn from what is stored: runs, comparisons, evaluations, studies. No model runs."""
