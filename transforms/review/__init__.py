"""What the people who sign look at: what is doubtful, the page, the approval sheet."""
