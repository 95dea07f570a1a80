"""HTTP pages under `stormdoor run`: guarded unless the operator says otherwise, by a name with `insecure`."""

from __future__ import annotations

import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.run.running import Run, answered, handshake, running, write

PYTHON = sys.executable

EXECUTES = '''
class Execute(RequestHandler):
    """Runs code of its client, as the REST interface of many an application does."""

    def check_xsrf_cookie(self):
        pass

    def post(self):
        self.write(str(eval(self.request.body.decode())))

    put = patch = delete = post


class Health(RequestHandler):
    def get(self):
        self.write("ok")


async def main():
    routes = [("/ws", Echo), ("/execute", Execute), ("/health", Health), ("/", Page)]
    Application(routes).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
'''

FOREIGN = ("Origin", "https://evil.example")


def _execute(port: int, *headers: tuple[str, str], method: str = "POST") -> str:
    """Send code as an unauthenticated client, and return the result; the status if it was refused."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, "/execute", body=b"6 * 7", headers=dict(headers))
        response = connection.getresponse()
        body = response.read().decode()
        return body if response.status == 200 else str(response.status)
    finally:
        connection.close()


def test_a_request_executes_nothing_without_a_login(tmp_path: Path) -> None:
    """Without `run`, each client and each page executes code; with `run` and no option, none does."""
    write(tmp_path, EXECUTES)
    with running(tmp_path, [PYTHON, "app.py"], guarded=False) as plain:
        plain.wait_until_answering()
        assert _execute(plain.port) == _execute(plain.port, FOREIGN) == "42"
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        assert run.wait_for("guarded")["pages"] is True
        assert _execute(run.port) == "401"
        assert _execute(run.port, FOREIGN) == "403"
        for method in ("PUT", "PATCH", "DELETE"):
            assert _execute(run.port, method=method) == "401"
        assert handshake(run.port) == 401
        assert answered(run.port, ("Accept", "text/html")) == 303


@pytest.mark.extended
@pytest.mark.parametrize("options", [(), ("--pages",)], ids=["no option", "--pages"])
def test_an_option_of_old_commands_changes_nothing(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    """The report and the answers are the same with and without `--pages`."""
    write(tmp_path, EXECUTES)
    with running(tmp_path, [PYTHON, "app.py"], *options) as run:
        assert (run.wait_for("guarded")["pages"], _execute(run.port)) == (True, "401")
        assert run.seen("guarded")[0]["unguarded"] == []


@pytest.mark.extended
@pytest.mark.parametrize("by_file", [False, True])
def test_the_way_out_names_the_open_routes(by_file: bool, tmp_path: Path) -> None:
    """Each start prints the routes that each client may change something with, as does the start-up check."""
    write(tmp_path, EXECUTES)
    (tmp_path / "stormdoor.toml").write_text(
        'preset = "app"\n[protect]\ninsecure_unguarded_pages = true\n', "utf-8"
    )
    options = ("--config", "stormdoor.toml") if by_file else ("--insecure-unguarded-pages",)
    with running(tmp_path, [PYTHON, "app.py"], *options) as run:
        said = run.wait_for("guarded")
        assert said["unguarded"] == ["POST|PUT|PATCH|DELETE /execute"]
        assert not said["pages"]
        assert (_execute(run.port), handshake(run.port)) == ("42", 401)
        assert "start-up check: insecure_unguarded_pages is in use" in run.output
        assert "Each client may send POST|PUT|PATCH|DELETE /execute" in run.output


@pytest.mark.extended
def test_a_refused_program_is_told_once(tmp_path: Path) -> None:
    """The line that lets a program in is printed once, it works, and the other pages stay guarded."""
    write(tmp_path, EXECUTES)
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        run.wait_for("guarded")
        for _ in range(3):
            assert answered(run.port, ("User-Agent", "probe/1"), path="/health") == 401
        assert answered(run.port, ("User-Agent", "Mozilla/5.0"), path="/") == 401
        (line,) = _lines(run, "a client that is no browser")
    entry = line.partition("below [protect.pages]: ")[2].strip()
    assert entry == '"GET /health" = { public = "the reason" }'
    (tmp_path / "stormdoor.toml").write_text(f'preset = "app"\n[protect.pages]\n{entry}\n', "utf-8")
    with running(tmp_path, [PYTHON, "app.py"], "--config", "stormdoor.toml") as run:
        run.wait_for("guarded")
        assert answered(run.port, path="/health") == 200
        assert (answered(run.port), _execute(run.port)) == (401, "401")


def _lines(run: Run, text: str) -> list[str]:
    return [one for one in run.output.splitlines() if text in one]
