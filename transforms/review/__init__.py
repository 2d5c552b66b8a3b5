"""What a batch is reviewed by: sums, the batch before, doubts, the sample, and their sheets."""
