"""Policy cards and the dated numbers of the law."""
