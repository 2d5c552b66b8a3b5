"""From determinations to what is due: netting, exclusions, batches, the ledger's rules."""
