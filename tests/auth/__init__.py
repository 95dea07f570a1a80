"""Each kind of credential: valid, malformed and stolen."""
