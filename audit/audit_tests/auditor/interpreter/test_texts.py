"""What string functions give on constants is worked out, and nothing is said where it is not known."""

import pytest

from stormdoor_audit.auditor.interpreter.regexes import is_quick
from stormdoor_audit.auditor.interpreter.standard import concrete_function
from stormdoor_audit.auditor.interpreter.texts import concrete_method
from stormdoor_audit.auditor.interpreter.values import Const, Sequence, Setting, Unknown, Value

PATTERNS = {
    "^https://[a-z.]+$": True,
    "(a+)+$": False,
    r"(a)\1": False,
    "(": False,
    "a" * 600: False,
    ".*.*.*.*.*.*": False,
}

NOTHING: dict[str, tuple[str, str, list[Value]]] = {
    "a field that is not there": ("{a}", "format", [Const("b")]),
    "a format of a format": ("{:>9999999}", "format", [Const("b")]),
    "something that is no method": ("a", "frobnicate", []),
    "too few arguments": ("a", "replace", []),
    "not in it": ("a", "index", [Const("b")]),
    "a list that is not known": ("a", "join", [Sequence([Unknown()])]),
    "a text without end": ("a" * 6000, "lower", []),
}

CONVERTED: dict[str, tuple[str, Value | None, object]] = {
    "number": ("int", Const("3"), 3),
    "no number": ("int", Const("x"), None),
    "yes": ("strtobool", Const("yes"), True),
    "off": ("strtobool", Const("off"), False),
    "not known": ("int", None, None),
    "a setting of a setting": ("int", Setting("inner", Const("0")), 0),
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_that_may_take_long_is_not_run(pattern: str) -> None:
    """Short and without a repeat in a repeat, or it is left alone."""
    assert is_quick(pattern) is PATTERNS[pattern]


@pytest.mark.parametrize("name", NOTHING)
def test_what_is_not_known_is_not_made_up(name: str) -> None:
    """No answer, and no exception either."""
    text, method, args = NOTHING[name]
    assert concrete_method(Const(text), method, args, {}) is None


@pytest.mark.parametrize("name", CONVERTED)
def test_a_setting_that_is_converted(name: str) -> None:
    """It is a setting as before, and its default is converted where that can be done."""
    function, default, expected = CONVERTED[name]
    result = concrete_function(function, [Setting("DOOR", default)])
    assert isinstance(result, Setting)
    shipped = result.default.value if isinstance(result.default, Const) else None
    assert shipped == expected


@pytest.mark.parametrize(("suffix", "fits"), [("", True), (".example", True), (".test", False)])
def test_a_suffix_that_is_a_setting(suffix: str, fits: bool) -> None:
    """An empty default fits everything."""
    result = concrete_method(
        Const("https://a.example"), "endswith", [Setting("SUFFIX", Const(suffix))], {}
    )
    assert isinstance(result, Setting)
    assert isinstance(result.default, Const)
    assert result.default.value is fits


@pytest.mark.parametrize("address", ["https://[a", "https://a:b", "https://" + "a" * 600])
def test_an_address_that_is_none(address: str) -> None:
    """It is not taken apart."""
    assert concrete_function("urllib.parse.urlparse", [Const(address)]) is None


@pytest.mark.parametrize(
    ("how", "items", "expected"),
    [
        ("any", [Const(value=True), Unknown(), Unknown()], True),
        ("all", [Const(value=False), Unknown(), Unknown()], False),
        ("any", [Const(value=False), Const(value=False)], False),
        ("all", [Const(value=True), Const(value=True)], True),
    ],
)
def test_one_that_decides_for_all(how: str, items: list[Value], expected: bool) -> None:
    """The rest need not be known."""
    result = concrete_function(how, [Sequence(items)])
    assert isinstance(result, Const)
    assert result.value is expected


@pytest.mark.parametrize(
    ("how", "items"),
    [
        ("any", [Const(value=False), Unknown(), Unknown()]),
        ("all", [Const(value=True), Unknown(), Unknown()]),
    ],
)
def test_none_that_decides(how: str, items: list[Value]) -> None:
    """What is left open stays open."""
    assert isinstance(concrete_function(how, [Sequence(items)]), Unknown)
