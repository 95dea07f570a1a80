"""The stores, and the contract suite that each of them runs."""
