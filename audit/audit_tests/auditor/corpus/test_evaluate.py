from collections.abc import Iterable
from pathlib import Path

import pytest

from audit_tests.auditor.corpus.evaluate import OPEN_DOOR, Figures, answers, pairs
from audit_tests.auditor.corpus.judge import GROUPS, GUARDED, Heuristic, Statement
from audit_tests.auditor.corpus.label import Label, Version

ALSO_LATE = frozenset({"after-accept"})


def label(authentication: str = "missing", also: frozenset[str] = frozenset()) -> Label:
    """A class `Chat` in `shop/ws.py`."""
    return Label(
        name="Chat",
        path="shop/ws.py",
        line=7,
        sha256="0" * 64,
        authentication=authentication,
        origin="default",
        authorization="unknown",
        also=also,
        reason="Because.",
    )


def version(one: Label, number: str = "1.0") -> Version:
    """A version of the package `shop` with that class."""
    return Version(
        slug=f"shop-{number}",
        package="shop",
        version=number,
        repository="",
        commit="",
        licence="MIT",
        holdout=False,
        drawn=True,
        round=1,
        python=(),
        advisory="",
        labels=(one,),
    )


class Says:
    """A judge that always says the same."""

    name = "says"

    def __init__(self, *statements: Statement) -> None:
        self.statements = statements

    def judge(self, version: Version, folder: Path) -> Iterable[Statement]:
        """The same of every version."""
        return self.statements


def said(
    subject: str,
    *,
    line: int = 1,
    path: str = "other.py",
    group: str = "missing authentication",
) -> Statement:
    """That authentication is missing, or what else is asked about."""
    return Statement(group, subject, path, line, "says so")


def figures(judge: Says, one: Label, question: str = "missing authentication") -> Figures:
    """How often it was right about this question."""
    found = Figures()
    for answer in answers(judge, [version(one)], Path()):
        if answer.group == question:
            found.count(answer)
    return found


@pytest.mark.parametrize(
    "statement",
    [
        said("shop.ws.Chat"),
        said("ws.Chat"),
        said("Chat"),
        said("whatever", line=7, path="shop/ws.py"),
    ],
)
def test_a_statement_is_about_a_class_by_its_name_or_its_line(statement: Statement) -> None:
    """However much of the dotted name the judge knows, the class is the same."""
    assert figures(Says(statement), label()).found == 1


@pytest.mark.parametrize("subject", ["shop.ws.OtherChat", "ws.Chat.open", "shop.Chat", "hat"])
def test_a_statement_about_another_class_does_not_count(subject: str) -> None:
    """A name that merely ends alike is another name."""
    assert figures(Says(said(subject)), label()).missed == 1


def test_what_is_said_of_a_guarded_class_is_false() -> None:
    """A false alarm lowers precision."""
    counted = figures(Says(said("Chat")), label("guarded"))
    assert (counted.false, counted.precision, counted.recall) == (1, "0.00", "–")


@pytest.mark.parametrize(
    ("one", "statements"),
    [
        (label("unknown"), (said("Chat"),)),
        (label("after-accept", frozenset({"missing"})), (said("Chat"),)),
    ],
)
def test_what_is_not_known_or_would_not_be_wrong_is_not_measured(
    one: Label, statements: tuple[Statement, ...]
) -> None:
    """Neither for nor against the judge."""
    counted = figures(Says(*statements), one)
    assert (counted.found, counted.false, counted.missed) == (0, 0, 0)


def test_an_answer_of_each_group_is_given_for_each_class() -> None:
    """No question is left out."""
    given = list(answers(Says(), [version(label())], Path()))
    assert [answer.group for answer in given] == [*GROUPS, OPEN_DOOR, GUARDED]


@pytest.mark.parametrize(
    ("one", "group", "counts"),
    [
        (label("after-accept"), "missing authentication", (1, 0, 0)),
        (label("missing"), "optional authentication", (1, 0, 0)),
        (label("missing"), "open origin", (0, 0, 1)),
        (label("guarded"), "authentication after accept", (0, 1, 0)),
        (label("guarded", ALSO_LATE), "missing authentication", (0, 0, 0)),
        (label("unknown"), "missing authentication", (0, 0, 0)),
    ],
)
def test_an_open_door_is_found_whichever_way_in_is_named(
    one: Label, group: str, counts: tuple[int, int, int]
) -> None:
    """That it is called missing in place of late does not hide it."""
    counted = figures(Says(said("Chat", group=group)), one, OPEN_DOOR)
    assert (counted.found, counted.false, counted.missed) == counts


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        (label("guarded"), (1, 0, 0)),
        (label("missing"), (0, 1, 0)),
        (label("after-accept"), (0, 1, 0)),
        (label("missing", frozenset({"guarded"})), (0, 0, 0)),
        (label("unknown"), (0, 0, 0)),
    ],
)
def test_that_an_open_door_is_guarded_is_the_false_thing_to_say(
    one: Label, counts: tuple[int, int, int]
) -> None:
    """A false "guarded" verdict counts for every way in."""
    counted = figures(Says(said("Chat", group=GUARDED)), one, GUARDED)
    assert (counted.found, counted.false, counted.missed) == counts


def test_versions_that_the_labels_tell_apart_are_paired_in_their_order() -> None:
    """9.0 comes before 10.0, and versions that are alike make no pair."""
    versions = [
        version(label("guarded"), "10.0"),
        version(label("missing"), "9.0"),
        version(label("missing"), "8.5"),
    ]
    judged = [
        answer
        for answer in answers(Says(), versions, Path())
        if answer.group == "missing authentication"
    ]
    found = [(before.version.version, after.version.version) for before, after in pairs(judged)]
    assert found == [("9.0", "10.0")]


def test_the_heuristic_reads_one_class_at_a_time(tmp_path: Path) -> None:
    """It finds a handler without a word of authentication, and an origin check that is none."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/ws.py").write_text(
        "class Chat(WebSocketHandler):\n    def check_origin(self, origin):\n        return True\n"
    )
    found = [one.group for one in Heuristic().judge(version(label()), tmp_path)]
    assert found == ["missing authentication", "open origin"]
