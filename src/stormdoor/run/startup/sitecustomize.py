"""Loaded by Python at its start: `stormdoor run` puts this folder first on `PYTHONPATH`.

It removes itself from the environment, so that no other program finds it, loads the hook, and then the
`sitecustomize` of the environment, if there is one. It imports nothing of stormdoor, which may be missing in
this Python.
"""

import os
import sys
from pathlib import Path

__all__: list[str] = []


def _leave_path() -> None:
    here = str(Path(__file__).parent)
    sys.path[:] = [one for one in sys.path if one != here]
    left = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one != here]
    if any(left):
        os.environ["PYTHONPATH"] = os.pathsep.join(left)
    else:
        os.environ.pop("PYTHONPATH", None)


def _load_hook() -> None:
    given = os.environ.pop("STORMDOOR_RUN", None)
    if given is None:
        return
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("stormdoor_run_hook", Path(__file__).with_name("hook.py"))
    if spec is None or spec.loader is None:
        os._exit(125)
    hook = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(hook)
    hook.install(given)


def _load_other() -> None:
    this = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401 - another module now
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", this)  # the import that loads it looks for it there


_leave_path()
_load_hook()
_load_other()
