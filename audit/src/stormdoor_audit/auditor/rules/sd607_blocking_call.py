"""A call that blocks all connections.

What:
    A handler makes a blocking call: `time.sleep()`, `requests`, `subprocess.run()`, `urlopen()`.

Why:
    Tornado runs all connections in one thread. While it waits, the server answers no client, keeps no
    deadline and closes no connection. A client that can cause the call stops the service.

Example:
    async def on_message(self, message):
        time.sleep(1)

Instead:
    async def on_message(self, message):
        await asyncio.sleep(1)

Fix:
    Await `asyncio.sleep()`, `AsyncHTTPClient` or `asyncio.create_subprocess_exec()`; or use
    `asyncio.to_thread()`.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.places import last_name, scopes_of, subject_of
from stormdoor_audit.auditor.facts.sinks import argument, is_called, is_namesake
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.interpreter.values import Const
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]

_BLOCKING = words(
    """
    time.sleep subprocess.run subprocess.call subprocess.check_call subprocess.check_output
    subprocess.getoutput os.system urllib.request.urlopen requests.get requests.post
    requests.put requests.patch requests.delete requests.request requests.head httpx.get
    httpx.post input
    """
)
_MOMENT = 0.01
"""Seconds; a page that is written takes as long."""
_ELSEWHERE = words(
    """
    Process Thread Timer apply_async blocking in_thread map_async run_executor run_in_executor
    run_on_executor run_sync start_new_thread submit threadpool to_thread
    """
)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    for event in endpoint.calls(*_BLOCKING):
        if not event.module.inside or not is_called(event) or event.stage == "import":
            continue
        if _is_elsewhere(event) or is_namesake(event) or _is_a_moment(event):
            continue
        yield Found(
            event.module,
            event.node,
            f"{event.text}() blocks every connection until it returns.",
            steps=endpoint.steps(event),
            subject=subject_of(event.module, scopes_of(event.module, event.node)),
        )


def _is_a_moment(event: Event) -> bool:
    """Return whether a call sleeps once and briefly, such as after a command to a motor."""
    given = argument(event, 0, "secs") if event.text == "time.sleep" else None
    if not isinstance(given, Const) or not isinstance(given.value, int | float):
        return False
    return given.value <= _MOMENT and not any(
        isinstance(loop, ast.For | ast.AsyncFor | ast.While) and event.node in ast.walk(loop)
        for function in scopes_of(event.module, event.node)[-1:]
        for loop in ast.walk(function)
    )


def _is_elsewhere(event: Event) -> bool:
    """Return whether another thread runs the call."""
    sites = [node for _, node, _ in event.stack]
    if any(last_name(node) in _ELSEWHERE for node in sites if isinstance(node, ast.Call)):
        return True
    for module, node in [
        *((module, node) for module, node, _ in event.stack),
        (event.module, event.node),
    ]:
        for around in scopes_of(module, node):
            if isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                last_name(one) in _ELSEWHERE for one in around.decorator_list
            ):
                return True
            if isinstance(around, ast.ClassDef) and any(
                last_name(one) in {"Thread", "Process"} for one in around.bases
            ):
                return True
    return False


RULE = rule(
    __doc__,
    id="SD607",
    slug="blocking-call",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="operation",
    cwe=(400,),
    asvs=("15.2.2",),
    threat="message-flood",
    on_endpoint=_check,
)
