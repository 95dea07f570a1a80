"""The command `stormdoor-audit`."""
