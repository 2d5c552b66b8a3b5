"""Persons proposed for damaged ids: planted persons are found, and nothing else moves."""
