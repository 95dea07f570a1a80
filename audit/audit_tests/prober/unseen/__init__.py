"""Programs that the prober was not made with: what is true of them was written down before it saw them."""
