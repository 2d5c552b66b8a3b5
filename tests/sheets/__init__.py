"""Tests of what people open in a spreadsheet."""
