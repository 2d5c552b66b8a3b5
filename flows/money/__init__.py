"""Money: the ledger on disk, batches, keys, signing, release, settlement."""
