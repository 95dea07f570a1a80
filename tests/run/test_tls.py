"""`stormdoor run --tls-self-signed`: TLS for a program that has none, with a certificate of this machine."""

from __future__ import annotations

import http.client
import socket
import ssl
import sys
from pathlib import Path

import pytest
from cryptography import x509

from stormdoor import ConfigurationError
from stormdoor.config.file import read_policies
from stormdoor.run.self_signed import fingerprint_of, self_signed
from tests.run.running import answered, running, write

NOW = 1_800_000_000.0
_DAY = 86_400.0

PROGRAM = """
from tornado.netutil import bind_unix_socket
from tornado.httpserver import HTTPServer


async def main():
    if "unix" in sys.argv:
        HTTPServer(make()).add_socket(bind_unix_socket("app.sock"))
    else:
        make().listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_the_certificate_is_made_once_and_is_private(tmp_path: Path) -> None:
    """It is for loopback alone, is no authority, and no other user can read the key."""
    folder = tmp_path / "state"
    file = self_signed(folder, NOW)
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    made = file.read_bytes()
    assert self_signed(folder, NOW + 300 * _DAY).read_bytes() == made
    certificate = x509.load_pem_x509_certificate(made)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one.value) for one in names] == ["localhost", "127.0.0.1", "::1"]
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not basic.ca
    assert [one.name for one in folder.iterdir()] == ["loopback.pem"]


@pytest.mark.parametrize("change", ["old", "future", "readable", "damaged", "link"])
def test_a_certificate_of_no_use_is_replaced(change: str, tmp_path: Path) -> None:
    """One that ends soon or has not begun, that others could read, that is damaged, or that is a link."""
    file = self_signed(tmp_path, NOW)
    made, now = file.read_bytes(), NOW
    match change:
        case "old":
            now = NOW + 340 * _DAY
        case "future":
            now = NOW - 2 * _DAY
        case "readable":
            file.chmod(0o640)
        case "damaged":
            file.write_bytes(made[:300])
        case "link":
            file.rename(tmp_path / "other.pem")
            file.symlink_to(tmp_path / "other.pem")
    assert self_signed(tmp_path, now).read_bytes() != made
    assert file.stat().st_mode & 0o777 == 0o600
    if change == "link":
        assert (tmp_path / "other.pem").read_bytes() == made


@pytest.mark.parametrize("way", ["option", pytest.param("file", marks=pytest.mark.extended)])
def test_a_program_serves_over_tls(way: str, tmp_path: Path) -> None:
    """The name of the certificate is verified. Without TLS nothing answers, and the cookie stays `Secure`."""
    write(tmp_path, PROGRAM)
    options = ["--tls-self-signed"]
    if way == "file":
        (tmp_path / "stormdoor.toml").write_text('preset = "app"\n[run]\ntls = "self-signed"\n')
        options = ["--config", "stormdoor.toml"]
    state = str(tmp_path / "state")
    command = [sys.executable, "app.py"]
    with running(tmp_path, command, *options, XDG_STATE_HOME=state) as run:
        said = run.wait_for("guarded")
        assert said["secure"]
        made = run.seen("certificate")[0]
        assert made["fingerprint"] == fingerprint_of(Path(made["file"]))
        run.wait_for("first account")
        assert answered(run.port) is None
        context = ssl.create_default_context(cafile=made["file"])
        for host in ("127.0.0.1", "localhost"):
            one = http.client.HTTPSConnection(host, run.port, timeout=20, context=context)
            one.request("GET", "/", headers={"Accept": "text/html", "User-Agent": "Mozilla/5.0"})
            found = one.getresponse()
            assert (found.status, found.getheader("Location")) == (303, "/auth/login?next=%2F")
            one.close()
        with socket.create_connection(("127.0.0.1", run.port)) as plain:
            wrong = ssl.create_default_context(cafile=made["file"])
            with pytest.raises(ssl.SSLCertVerificationError):
                wrong.wrap_socket(plain, server_hostname="evil.example")


@pytest.mark.extended
def test_a_listener_without_a_port_is_refused(tmp_path: Path) -> None:
    """A Unix socket has a proxy in front, which ends TLS: the option would be ignored there."""
    write(tmp_path, PROGRAM)
    (tmp_path / "stormdoor.toml").write_text('preset = "app"\norigins = ["https://app.example"]\n')
    options = ["--tls-self-signed", "--config", "stormdoor.toml"]
    state = str(tmp_path / "state")
    with running(
        tmp_path, [sys.executable, "app.py", "unix"], *options, XDG_STATE_HOME=state
    ) as run:
        assert run.ended() == 125
        assert "--tls-self-signed is for servers that listen on a TCP port" in run.output


def test_another_value_stops_the_start(tmp_path: Path) -> None:
    """`tls = true` is no certificate."""
    file = tmp_path / "stormdoor.toml"
    file.write_text('preset = "app"\n[run]\ntls = true\n')
    with pytest.raises(ConfigurationError, match=r"stormdoor.toml:3: run.tls"):
        read_policies(file)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The start stops with the way out, and without a traceback."""
    (tmp_path / "state").write_text("a file in place of the folder")
    with running(
        tmp_path, ["true"], "--tls-self-signed", XDG_STATE_HOME=str(tmp_path / "state")
    ) as run:
        assert run.ended() != 0
        assert "name another folder with XDG_STATE_HOME" in run.output
        assert "Traceback" not in run.output
