"""The rules once more in plain Python, row by row: slow, literal, and written without the SQL."""
