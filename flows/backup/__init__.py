"""A second copy of a home on another disk: each content once, and a dated state per backup."""
