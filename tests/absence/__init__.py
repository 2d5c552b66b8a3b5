"""What vanishes never pays or is owed by itself: deletions against the rules and the gate."""
