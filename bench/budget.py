"""Does the hot path cost more instructions than its budget allows?

Runs `hot_path.py` under callgrind and counts user-space instructions, which no neighbour can disturb. A
second, longer run of each thing is compared with the first, so that work that is done once is not in the
figure. Fails when a figure is more than 5 % above the one in `budget.toml`: make it cheaper again, or
change the budget in the same commit and say why. It says so, too, when a figure is more than 5 % below.

Two builds of one Python differ by more than 5 %. So something that has nothing to do with stormdoor is
counted as well, and the budget is stretched by as much as that costs more here, or less.

Beside the instructions, the bytes of an idle connection have a budget (`idle_memory.py`).

    python bench/budget.py            # count and compare
    python bench/budget.py --write    # count and write budget.toml
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

__all__ = [
    "BUDGET",
    "REFERENCE",
    "Verdict",
    "compare",
    "count",
    "environment",
    "idle_bytes",
]

HERE: Final = Path(__file__).resolve().parent
BUDGET: Final = HERE / "budget.toml"
MARGIN: Final = 0.05
COUNT: Final = 100
REFERENCE: Final = "reference"
PATIENCE: Final = 120.0
SECRET: Final = "budget-only-secret-0123456789abcdef-0123456789ab"
"""As long as a key must be, and without the repetitions that a start refuses."""


class Verdict:
    """One comparison, in words. `failed` if it is over the budget."""

    __slots__ = ("failed", "text")

    def __init__(self, text: str, *, failed: bool) -> None:
        self.text = text
        self.failed = failed


def compare(found: Mapping[str, int], budget: Mapping[str, int]) -> list[Verdict]:
    """Return the verdicts on the measured figures, in proportion to the reference if there is one."""
    verdicts = []
    build = found[REFERENCE] / budget[REFERENCE] if REFERENCE in budget else 1.0
    for name, instructions in found.items():
        if name not in budget:
            verdicts.append(Verdict(f"{name}: {instructions:,}, and no budget", failed=True))
            continue
        if name == REFERENCE:
            continue
        allowed = round(budget[name] * build)
        ratio = instructions / allowed
        text = f"{name}: {instructions:,} of {allowed:,} ({ratio - 1:+.1%})"
        if ratio > 1 + MARGIN:
            verdicts.append(Verdict(f"{text}: OVER THE BUDGET", failed=True))
        else:
            verdicts.append(
                Verdict(text + (": it can be lowered" if ratio < 1 - MARGIN else ""), failed=False)
            )
    verdicts += [
        Verdict(f"{name}: has a budget, and is not counted", failed=True)
        for name in sorted(budget.keys() - found.keys())
    ]
    return verdicts


def _unmeasured() -> dict[str, str]:
    """The environment without what has coverage follow a process: it would be counted, too."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def environment() -> dict[str, str]:
    """Return the environment that the figures depend on: they are valid for this one alone."""
    return {
        "implementation": platform.python_implementation(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "machine": platform.machine(),
    }


def idle_bytes() -> dict[str, int]:
    """Bytes that Python allocates for an idle connection.

    Raises:
        subprocess.SubprocessError: The program failed.
    """
    command = [sys.executable, "idle_memory.py"]
    run = subprocess.run(
        command,
        cwd=HERE,
        env={**_unmeasured(), "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return {"idle connection": int(run.stdout)}


def count(*, times: int = COUNT) -> dict[str, int]:
    """Instructions of each thing on the hot path.

    Raises:
        RuntimeError: The program under callgrind ended early.
    """
    with tempfile.TemporaryDirectory(prefix="stormdoor-budget-") as directory:
        out = Path(directory) / "out"
        command = [
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            f"--callgrind-out-file={out}",
            sys.executable,
            "hot_path.py",
        ]
        with (Path(directory) / "errors").open("w+") as errors:
            process = subprocess.Popen(
                command,
                cwd=HERE,
                env={**_unmeasured(), "PYTHONHASHSEED": "0", "BENCH_SECRET": SECRET},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            try:
                return _counted(process, out, times)
            except (RuntimeError, subprocess.SubprocessError, OSError) as error:
                errors.seek(0)
                raise RuntimeError(f"{error}\n{errors.read()[-2000:]}") from error
            finally:
                process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        pipe.close()


def _counted(process: "subprocess.Popen[str]", out: Path, times: int) -> dict[str, int]:
    assert process.stdin is not None
    assert process.stdout is not None
    names = []
    while name := _line(process.stdout):
        names.append(name)
    found: dict[str, int] = {}
    dumps = 0
    _control(process, "--instr=on")
    for name in names:
        totals = []
        for many in (times, 2 * times):
            _control(process, "--zero")
            process.stdin.write(f"{name} {many}\n")
            process.stdin.flush()
            if _line(process.stdout) != "done":
                raise RuntimeError(f"{name}: it went wrong")
            _control(process, "--dump")
            dumps += 1
            totals.append(_total(Path(f"{out}.{dumps}")))
        found[name] = round((totals[1] - totals[0]) / times)
    return found


def _line(pipe: IO[str]) -> str:
    line = pipe.readline()
    if not line:
        raise RuntimeError("the program under callgrind ended early")
    return line.strip()


def _control(process: "subprocess.Popen[str]", order: str) -> None:
    command = ["callgrind_control", order, str(process.pid)]
    subprocess.run(command, check=True, timeout=PATIENCE, capture_output=True)


def _total(file: Path) -> int:
    for line in file.read_text().splitlines():
        if line.startswith("totals:"):
            return int(line.split()[1])
    raise RuntimeError(f"{file} has no total")


def main() -> int:
    """Counts; 0 if within the budget, 1 if not, 2 if it cannot be counted here."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--write", action="store_true", help="write what was counted to budget.toml"
    )
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("not counted: valgrind is not installed")
        return 2
    if options.write:
        about = [f'{name} = "{value}"' for name, value in environment().items()]
        rows = [f'"{name}" = {number}' for name, number in count().items()]
        memory = [f'"{name}" = {number}' for name, number in idle_bytes().items()]
        head = "# The budget of the hot path and of an idle connection, by `python bench/budget.py --write`."
        lines = (head, "", "[environment]", *about, "", "[instructions]", *rows)
        BUDGET.write_text("\n".join((*lines, "", "[bytes]", *memory, "")))
        print("\n".join((*rows, *memory)))
        return 0
    budget = tomllib.loads(BUDGET.read_text())
    if budget["environment"] != environment():
        print(f"not counted: the budget is for {budget['environment']}, this is {environment()}")
        return 2
    verdicts = compare(count(), budget["instructions"])
    verdicts += compare(idle_bytes(), budget["bytes"])
    print("\n".join(one.text for one in verdicts))
    return 1 if any(one.failed for one in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
