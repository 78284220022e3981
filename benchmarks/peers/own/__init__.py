"""Small servers of our own to compare with: what an afternoon's work would give, and the floor below it."""
