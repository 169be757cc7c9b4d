"""`circuits intervene concept`: what a vector added to the residual stream does, by its strength."""
