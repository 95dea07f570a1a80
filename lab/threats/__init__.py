"""One directory for each threat: three servers and one attack."""
