"""Ingest: a drop of extracts becomes an immutable snapshot."""
