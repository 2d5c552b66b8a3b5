"""Answers: what people ask of a run, read from what it left."""
