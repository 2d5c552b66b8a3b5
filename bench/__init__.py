"""Measurements of speed and memory: commands, never tests."""
