"""A small synthetic town, and what makes larger ones."""
