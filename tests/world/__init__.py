"""Real applications, guarded from outside, and what is done to them."""
