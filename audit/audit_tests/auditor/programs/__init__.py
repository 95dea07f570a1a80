"""Programs with the expected verdict: one file each, and one line in `table.tsv`."""
