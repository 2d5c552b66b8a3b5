"""The auditor's rooms: any night computed again, and what made two nights differ."""
