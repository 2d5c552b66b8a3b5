"""The gates: what must be true at each boundary, and how much may be wrong before a run stops."""
