"""The browser client, driven in Node and in Chromium against a real server."""
