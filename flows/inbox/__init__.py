"""The inbox: what suppliers put in is taken, and what was good last is in force for a night."""
