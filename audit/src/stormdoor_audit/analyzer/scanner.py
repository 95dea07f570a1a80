"""A scan with this engine: from files to the verdicts on authentication and origin of each endpoint."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stormdoor_audit.analyzer.engine.attributes import class_member
from stormdoor_audit.analyzer.engine.classinfo import ClassInfo
from stormdoor_audit.analyzer.engine.context import OverLimit
from stormdoor_audit.analyzer.engine.machine import Engine
from stormdoor_audit.analyzer.engine.state import Store
from stormdoor_audit.analyzer.engine.values import Func, Value, const, opaque
from stormdoor_audit.analyzer.engine.words import is_check, is_credential
from stormdoor_audit.analyzer.lifecycle import tornado
from stormdoor_audit.analyzer.lifecycle.origins import CHECK, Origins
from stormdoor_audit.analyzer.models.loader import Models, load_models
from stormdoor_audit.analyzer.programs.files import Sources
from stormdoor_audit.analyzer.queries import authentication, origin

__all__ = ["Endpoint", "Scan", "scan_files"]

_MOST_SETTINGS = 8
"""Settings that are tried with another value; a handler with more is judged as shipped."""
_WORDS = (b"tornado", b"WebSocketHandler")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler with its verdicts.

    Args:
        path: Its file.
        subject: Dotted name of the class.
        line: First line of the class.
        end: Last line.
        routes: Patterns of its routes.
        authentication: The verdict on authentication.
        origin: The verdict on origins.
        origin_line: Line of `check_origin`, or 0.
    """

    path: Path
    subject: str
    line: int
    end: int
    routes: tuple[str, ...]
    authentication: authentication.Authentication
    origin: origin.Origin
    origin_line: int = 0


@dataclass(slots=True)
class Scan:
    """Results.

    Args:
        endpoints: One for each handler; the worst verdict of all programs that have it.
        missed: Places that were not analysed, with the reason.
    """

    endpoints: list[Endpoint] = field(default_factory=list)
    missed: list[tuple[Path, str]] = field(default_factory=list)


def scan_files(root: Path, files: Sequence[Path]) -> Scan:
    """Judge every handler of the programs below a root.

    Args:
        root: Module names begin here.
        files: Python files below it.
    """
    result = Scan()
    sources = Sources(root, list(files))
    models = load_models()
    relevant = [sources.name_of(one) for one in files if _speaks_of_tornado(one)]
    programs = [_Program(models, sources, entry) for entry in sources.programs(relevant)]
    found: dict[tuple[Path, str], Endpoint] = {}
    for program, info in _chosen(programs, result):
        one = _judged(program, info, result)
        if one is None:
            continue
        key = (one.path, one.subject)
        known = found.get(key)
        if known is None or authentication.better(_plain(known), _plain(one)):
            found[key] = one
    result.endpoints = sorted(found.values(), key=lambda one: (one.path, one.line))
    relevant_failed = [one for one in sources.failed if _speaks_of_tornado(one)]
    result.missed += [(one, sources.failed[one]) for one in relevant_failed]
    return result


def _plain(one: Endpoint) -> str:
    verdict = one.authentication.verdict
    return "late" if verdict == "optional" else verdict


def _speaks_of_tornado(file: Path) -> bool:
    try:
        content = file.read_bytes()
    except OSError:
        return False
    return any(one in content for one in _WORDS)


def _chosen(programs: Sequence["_Program"], result: Scan) -> Iterable[tuple["_Program", ClassInfo]]:
    """Yield each handler with the programs that route it; with the first that has it, if none does."""
    routed: set[tuple[str, str]] = set()
    others: dict[tuple[str, str], tuple[_Program, ClassInfo]] = {}
    for program in programs:
        try:
            handlers = program.handlers()
        except (OverLimit, RecursionError) as error:
            result.missed.append((program.path, _reason(error)))
            continue
        for info in handlers:
            place = (info.module, info.qualname)
            if program.is_routed(info):
                routed.add(place)
                yield program, info
            else:
                others.setdefault(place, (program, info))
    yield from (one for place, one in others.items() if place not in routed)


def _judged(program: "_Program", info: ClassInfo, result: Scan) -> Endpoint | None:
    """Judge a handler of a program; note if that is not possible."""
    try:
        return program.judge(info)
    except (OverLimit, RecursionError) as error:
        result.missed.append((program.path_of(info), f"{info.qualname}: {_reason(error)}"))
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, OverLimit):
        return "the analysis reached its limit of steps"
    return "its calls or expressions are too deep"


def _other(name: str) -> Value:
    """Return a value of a setting that is true: of a credential an unknown one."""
    last = name.rpartition(".")[2].rpartition(" ")[2]
    return opaque(frozenset({name}), last if is_check(last) else "", truth=2)


class _Program:
    """One program, executed with chosen values of its settings."""

    def __init__(self, models: Models, sources: Sources, entry: str) -> None:
        self.models = models
        self.sources = sources
        self.entry = entry
        self._required: set[str] = set()
        self._begun: dict[frozenset[tuple[str, Value]], tuple[Engine, Store]] = {}

    def start(self, chosen: dict[str, Value]) -> tuple[Engine, Store]:
        """Execute the modules and the pages."""
        key = frozenset(chosen.items())
        if key not in self._begun:
            engine = Engine(self.models, self.sources, chosen)
            store = tornado.begin(engine, self.entry)
            missing = engine.required - chosen.keys()
            if missing:
                self._required |= missing
                given = {name: _other(name) for name in missing}
                engine, store = self.start({**chosen, **given})
                self._begun[key] = engine, store
                return engine, store
            engine.steps = 0
            store = tornado.visit_pages(engine, tornado.routes(engine), store)
            self._begun[key] = engine, store
        return self._begun[key]

    @property
    def path(self) -> Path:
        """The file of the entry point."""
        return self.sources.path(self.entry)

    def path_of(self, info: ClassInfo) -> Path:
        """Return the file of a class."""
        return self.sources.path(info.module)

    def is_routed(self, info: ClassInfo) -> bool:
        """Return True if an application of the program has a route to a handler."""
        return info in tornado.routes(self.start({})[0])

    def handlers(self) -> list[ClassInfo]:
        """Return the handlers that are routed, and those that no class derives from."""
        engine, _ = self.start({})
        routed = tornado.routes(engine)
        sockets = [one for one in engine.classes.values() if one.derives_from(tornado.HANDLER)]
        bases = {base for one in sockets for base in one.order[1:]}
        chosen = [one for one in sockets if one in routed or one not in bases]
        by_place: dict[tuple[str, str], ClassInfo] = {}
        for one in chosen:
            known = by_place.get((one.module, one.qualname))
            if known is None or (one in routed and known not in routed):
                by_place[one.module, one.qualname] = one
        return list(by_place.values())

    def judge(self, info: ClassInfo) -> Endpoint:
        """Return the verdicts on a handler."""
        engine, store = self.start({})
        known = tornado.routes(engine).get(info, [])
        engine.steps = 0
        connection = tornado.connect(engine, info, known, store)
        answer = authentication.judge(connection)
        if answer.verdict in {"missing", "late"}:
            answer = self._optional(info, answer, connection)
        engine.steps = 0
        value, _ = class_member(engine, info, CHECK, store)
        checks = [one.code for one in value if isinstance(one, Func)]
        origins = Origins(engine, info, known, store)
        texts = [text for code in checks for text in origin.constants_of(code.body)]
        for name in dict.fromkeys([*(code.module for code in checks), info.module]):
            module = self.sources.code(name)
            texts += origin.constants_of(module.body) if module is not None else ()
        return Endpoint(
            path=self.sources.path(info.module),
            subject=f"{info.module}.{info.qualname}",
            line=info.line,
            end=info.end,
            routes=tuple(dict.fromkeys(one.pattern for one in known if one.pattern)),
            authentication=answer,
            origin=origin.judge(texts, origins.answers, origins.with_names),
            origin_line=checks[0].line if checks else 0,
        )

    def _optional(
        self,
        info: ClassInfo,
        answer: authentication.Authentication,
        connection: tornado.Connection,
    ) -> authentication.Authentication:
        """Return *optional* if another value of a setting that decided gives a better verdict."""
        for name in sorted(connection.settings - self._required)[:_MOST_SETTINGS]:
            for value in (_other(name), const(False, frozenset({name}))):
                if self._is_better(info, {name: value}, answer):
                    return authentication.Authentication(
                        "optional", name.partition(" ")[2], answer.line, answer.module
                    )
        return answer

    def _is_better(
        self,
        info: ClassInfo,
        chosen: dict[str, Value],
        answer: authentication.Authentication,
    ) -> bool:
        """Return True if the verdict is better with some settings, and the credentials they need."""
        for _ in range(2):
            engine, store = self.start(chosen)
            place = (info.module, info.qualname)
            same = next(
                (one for one in engine.classes.values() if (one.module, one.qualname) == place),
                None,
            )
            if same is None:
                return False
            engine.steps = 0
            connection = tornado.connect(engine, same, tornado.routes(engine).get(same, []), store)
            other = authentication.judge(connection).verdict
            if authentication.better(other, answer.verdict) and other != "unknown":
                return True
            needed = {
                name: _other(name)
                for name in connection.settings - self._required - chosen.keys()
                if is_credential(name.rpartition(".")[2].rpartition(" ")[2])
            }
            if not needed:
                return False
            chosen = {**chosen, **needed}
        return False
