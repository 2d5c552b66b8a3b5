"""A corpus of drops that must be refused, each with a message a clerk understands."""
