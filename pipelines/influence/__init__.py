"""`circuits influence`: which texts use some heads, or a circuit."""
