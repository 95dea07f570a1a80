"""Cases of the WebSocket protocol with published numbers, run against both protocols and plain Tornado."""
