"""Rules of the core: pure functions from frames to frames. No input or output, no clock."""
