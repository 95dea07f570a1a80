import asyncio
import json
from pathlib import Path


class Sessions:
    def __init__(self, path):
        self.path = Path(path)

    async def weaver(self, session):
        text = await asyncio.to_thread(self.path.read_text)
        return json.loads(text).get(session) if session else None
