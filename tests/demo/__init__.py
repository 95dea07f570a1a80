"""The demo as a stranger meets it: a process with a port, started and stopped like any other."""
