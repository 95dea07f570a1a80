"""Small handlers with the verdict that each deserves."""
