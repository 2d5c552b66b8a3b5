"""Tables for people: every workbook and CSV is written here, with one look."""
