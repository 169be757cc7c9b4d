"""`circuits intervene edit`: change what chosen heads look at or say, and measure what that does."""
