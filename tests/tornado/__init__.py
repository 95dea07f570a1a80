"""The door against a real server on loopback, spoken to with raw frames."""
