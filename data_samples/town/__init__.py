"""A synthetic district: a believable background, and a planted cast with known answers."""
