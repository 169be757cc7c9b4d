"""Tables that all commands print."""
