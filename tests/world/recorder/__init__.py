"""Recorder of the WebSocket traffic of real applications; `python -m tests.world.record` runs it."""
