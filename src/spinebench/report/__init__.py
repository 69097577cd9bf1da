"""The page: what was built from what, the board, and the answers behind it."""
