"""Comparing nights: frames in, frames out."""
