"""Write the recording anew: `python -m tests.compatibility.record`.

Only a deliberate change of a stored value or of the wire is a reason to do so; the commit states it.
"""

import asyncio
import tempfile
from pathlib import Path

from tests.compatibility.recorder import record

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(record(Path(__file__).parent / "recorded", Path(scratch)))
