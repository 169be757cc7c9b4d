"""`circuits intervene`: change a model while it answers, and judge that."""
