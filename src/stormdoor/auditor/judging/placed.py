"""Whether only those who connect from certain addresses can have something done."""

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.judging.endpoint import Endpoint

__all__ = ["is_for_some_addresses"]


def is_for_some_addresses(endpoint: Endpoint, doing: Event) -> bool:
    """`if self.request.remote_ip in HOSTS: words.remove(message)`: where a client is says what it may.

    It says so where the deed is done after one answer, and never after the other.
    """
    wanted = id(doing.node)
    every: dict[int, set[str]] = {}
    allowing: dict[int, set[str]] = {}
    done = without = False
    for path in endpoint.anonymous.paths:
        answers: dict[int, str] = {}
        for event in path.events:
            if event.kind == "branch" and _is_of_the_address(event):
                answers[id(event.node)] = event.text
                every.setdefault(id(event.node), set()).add(event.text)
            elif id(event.node) == wanted and event.kind == doing.kind:
                done = True
                without = without or not answers
                for place, answer in answers.items():
                    allowing.setdefault(place, set()).add(answer)
    return (
        done
        and not without
        and any(len(answers) == 1 < len(every[place]) for place, answers in allowing.items())
    )


def _is_of_the_address(event: Event) -> bool:
    """Whether it hangs on where the client is, and not on what it says of itself in a header."""
    return "address" in event.labels and not event.labels & {"client", "header"}
