"""`circuits report`: an appendix about runs, studies and evaluations, from stored results alone."""
