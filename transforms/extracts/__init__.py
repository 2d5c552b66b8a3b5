"""The kinds of extract and how their cells are read."""
