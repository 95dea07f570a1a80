"""`stormdoor-audit probe`: test what an unauthenticated client can do at a running WebSocket endpoint."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter

from stormdoor_audit.cli.usage import UsageError

__all__ = ["app"]

app = App(name="probe", help_format="plaintext")

_WHERE = Group.create_ordered("What is probed")
_WHO = Group.create_ordered("The owner's credential")
_MAY = Group.create_ordered("Who may do what")
_FAR = Group.create_ordered("How far it goes")
_SHOWN = Group.create_ordered("What is shown, and how")
_KNOWN = Group.create_ordered("What is known already")
_UNDERSTAND = Group.create_ordered("Understand")

Format = Literal["text", "json", "sarif", "html"]
FailOn = Literal["error", "warning", "note", "never"]
Pairs = Annotated[tuple[str, ...], Parameter(group=_WHO, metavar="NAME=VALUE")]
Others = Annotated[tuple[str, ...], Parameter(group=_MAY, metavar="NAME=VALUE")]
Limit = Annotated[int, Parameter(group=_FAR, metavar="N")]
Seconds = Annotated[float, Parameter(group=_FAR, metavar="S")]


@app.default
def probe(
    *urls: Annotated[str, Parameter(group=_WHERE)],
    config: Annotated[Path | None, Parameter(group=_WHERE, metavar="FILE")] = None,
    authorized: Annotated[tuple[str, ...], Parameter(group=_WHERE, metavar="HOST")] = (),
    discover: Annotated[tuple[str, ...], Parameter(group=_WHERE, metavar="URL")] = (),
    har: Annotated[tuple[Path, ...], Parameter(group=_WHERE, metavar="FILE")] = (),
    openapi: Annotated[
        tuple[Path, ...], Parameter(name=["--openapi", "--asyncapi"], group=_WHERE, metavar="FILE")
    ] = (),
    at: Annotated[str, Parameter(group=_WHERE, metavar="URL")] = "",
    list_only: Annotated[bool, Parameter(name="--list", group=_WHERE, negative=())] = False,
    origin: Annotated[str, Parameter(group=_WHERE, metavar="ORIGIN")] = "",
    plain: Annotated[str, Parameter(group=_WHERE, metavar="URL")] = "",
    beside: Annotated[tuple[str, ...], Parameter(group=_WHERE, metavar="URL")] = (),
    beside_say: Annotated[tuple[str, ...], Parameter(group=_WHERE, metavar="MESSAGE")] = (),
    ca: Annotated[Path | None, Parameter(group=_WHERE, metavar="FILE")] = None,
    cookie: Pairs = (),
    header: Annotated[
        tuple[str, ...], Parameter(name=["--header", "-H"], group=_WHO, metavar="'NAME: VALUE'")
    ] = (),
    bearer: Annotated[str | None, Parameter(group=_WHO, metavar="TOKEN")] = None,
    query: Pairs = (),
    subprotocol: Annotated[tuple[str, ...], Parameter(group=_WHO, metavar="NAME")] = (),
    credential_subprotocol: Annotated[tuple[str, ...], Parameter(group=_WHO, metavar="NAME")] = (),
    first_message: Annotated[str | None, Parameter(group=_WHO, metavar="TEXT")] = None,
    login: Annotated[str | None, Parameter(group=_WHO, metavar="URL")] = None,
    field: Pairs = (),
    login_json: Annotated[bool, Parameter(group=_WHO)] = False,
    login_page: Annotated[str, Parameter(group=_WHO, metavar="URL")] = "",
    token_from: Annotated[str, Parameter(group=_WHO, metavar="URL")] = "",
    token_name: Annotated[str, Parameter(group=_WHO, metavar="NAME")] = "",
    token_pattern: Annotated[str, Parameter(group=_WHO, metavar="REGEX")] = "",
    oauth: Annotated[str, Parameter(group=_WHO, metavar="URL")] = "",
    client_id: Annotated[str, Parameter(group=_WHO, metavar="ID")] = "",
    client_secret: Annotated[str, Parameter(group=_WHO, metavar="SECRET")] = "",
    scope: Annotated[str, Parameter(group=_WHO, metavar="SCOPE")] = "",
    steps: Annotated[Path | None, Parameter(group=_WHO, metavar="FILE")] = None,
    identities: Annotated[Path | None, Parameter(group=_MAY, metavar="FILE")] = None,
    replay: Annotated[tuple[Path, ...], Parameter(group=_MAY, metavar="FILE")] = (),
    safe: Annotated[tuple[str, ...], Parameter(group=_MAY, metavar="ACTION")] = (),
    other_cookie: Others = (),
    other_header: Others = (),
    other_query: Others = (),
    say: Annotated[tuple[str, ...], Parameter(group=_FAR, metavar="MESSAGE")] = (),
    private: Annotated[str, Parameter(group=_MAY, metavar="TEXT")] = "",
    logout: Annotated[str, Parameter(group=_FAR, metavar="URL")] = "",
    logout_header: Annotated[tuple[str, ...], Parameter(group=_FAR, metavar="'NAME: VALUE'")] = (),
    public_key: Annotated[Path | None, Parameter(group=_FAR, metavar="FILE")] = None,
    expired_token: Annotated[str | None, Parameter(group=_FAR, metavar="TOKEN")] = None,
    foreign_token: Annotated[str | None, Parameter(group=_FAR, metavar="TOKEN")] = None,
    one_time: Annotated[bool, Parameter(group=_FAR)] = False,
    unused_token: Annotated[tuple[str, ...], Parameter(group=_FAR, metavar="TOKEN")] = (),
    revoke: Annotated[str, Parameter(group=_FAR, metavar="MESSAGE")] = "",
    idle: Seconds = 0.0,
    must_refuse: Annotated[bool, Parameter(group=_FAR, negative=())] = False,
    active: Annotated[bool, Parameter(group=_FAR)] = False,
    listen: Seconds = 1.0,
    connections: Limit = 300,
    per_second: Limit = 20,
    seconds: Seconds | None = None,
    form: Annotated[Format, Parameter(name="--format", group=_SHOWN)] = "text",
    output: Annotated[
        tuple[Path, ...], Parameter(name=["--output", "-o"], group=_SHOWN, metavar="FILE")
    ] = (),
    endpoints: Annotated[bool, Parameter(group=_SHOWN)] = False,
    fail_on: Annotated[FailOn, Parameter(group=_SHOWN)] = "warning",
    allow_not_determined: Annotated[bool, Parameter(group=_SHOWN, negative=())] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], group=_SHOWN)] = False,
    baseline: Annotated[Path | None, Parameter(group=_KNOWN, metavar="FILE")] = None,
    write_baseline: Annotated[Path | None, Parameter(group=_KNOWN, metavar="FILE")] = None,
    from_scan: Annotated[Path | None, Parameter(group=_KNOWN, metavar="FILE")] = None,
    probes: Annotated[bool, Parameter(group=_UNDERSTAND)] = False,
    explain: Annotated[str | None, Parameter(group=_UNDERSTAND, metavar="PROBE")] = None,
) -> int:
    """Test what an unauthenticated client can do at a running WebSocket endpoint.

    The text that `--help` prints above the options is in main.py, where the command is registered.

    Args:
        urls: Addresses of endpoints: ws://HOST:PORT/PATH; {unique} in one is another word each time.
        config: Everything about one application, as TOML. probe.toml if nothing is named to probe.
        authorized: A host, or HOST:PORT, beside this machine or the given page; may be repeated.
        discover: A page to look for endpoints from, e.g. http://127.0.0.1:8888/; may be repeated.
        har: A browser session saved as HAR: its endpoints, its owner, its messages; may be repeated.
        openapi: An OpenAPI or AsyncAPI file that names endpoints, as JSON or YAML; may be repeated.
        at: Address of the application that such files describe, e.g. http://127.0.0.1:8888.
        list_only: Only list the endpoints that were found.
        origin: Origin of the endpoint's own pages. That of the address if left out.
        plain: Where the same endpoint may be served without TLS, such as ws://HOST:8000/.
        beside: An endpoint that must be open, too, while this one is used; may be repeated.
        beside_say: A message that is sent there, before or after the endpoint is opened; may be repeated.
        ca: Certificates to trust, as PEM, for wss.
        cookie: A cookie of the owner's session; may be repeated.
        header: A header of the owner's, as 'Name: value' or NAME=VALUE; may be repeated.
        bearer: The owner's token for the header Authorization.
        query: A parameter of the address that is the owner's credential, sent as written; may be repeated.
        subprotocol: A subprotocol to offer; bearer.TOKEN and long ones are credentials; may be repeated.
        credential_subprotocol: A subprotocol that is the credential; then no other is; may be repeated.
        first_message: What the owner sends first, where the credential is in the first message.
        login: Where a login form is sent to; its cookies or its token are the credential.
        field: A field of the login, such as username=alice; may be repeated.
        login_json: Send the login as JSON instead of a form.
        login_page: The page of the form, where it is another address.
        token_from: A page that holds the owner's token; {token} in other options is where it goes.
        token_name: Name of its meta element, variable or field. What is named like a token if left out.
        token_pattern: A regular expression with a group that matches the token.
        oauth: A token endpoint, asked with client credentials; {token} as for --token-from.
        client_id: Id of the client.
        client_secret: Secret of the client.
        scope: Scope to ask for.
        steps: A script of requests that lead to a credential, as TOML.
        identities: Identities, their objects and their permissions, as TOML. The first is the owner.
        replay: A recorded conversation, replayed as each identity: HAR, JSON lines or text; may be repeated.
        safe: A recorded action that only reads, or a pattern of such; may be repeated.
        other_cookie: A cookie of the second identity; may be repeated.
        other_header: A header of the second identity; may be repeated.
        other_query: A parameter of the second identity; may be repeated.
        say: A message the owner would send and be answered, without harm; hex:… are bytes; may be repeated.
        private: A text that only the owner may read, such as an account number.
        logout: The logout as URL or 'DELETE URL', to see what it ends. Needs --login; has its own session.
        logout_header: A header of the logout; may be repeated.
        public_key: PEM of the key that tokens are verified with, to try it as a secret.
        expired_token: A token that was good once, to try it in the place of the owner's.
        foreign_token: A good token for another audience, to try it in the place of the owner's.
        one_time: The owner's credential should work once only.
        unused_token: Another such credential, not used yet, to use it twice at once; may be repeated.
        revoke: What the second identity says to take the owner's right away. Needs --active.
        idle: Seconds after which a client that says nothing should be gone. Not tried if left out.
        must_refuse: A client without a credential may hold no socket, not even a silent one.
        active: Also send malformed and many messages, many sockets, and wrong passwords; small numbers.
        listen: Seconds to listen to each connection. 1 if left out.
        connections: How many connections to make to each endpoint. 300 if left out.
        per_second: How many of them in a second. 20 if left out.
        seconds: How long each endpoint may take. 40 if left out; 75 with `--active`, `--logout` or `--idle`.
        form: How it is printed. text if left out.
        output: Write it to a file, too; .txt, .json, .sarif or .html decide the format; may be repeated.
        endpoints: Show each endpoint with its five checks, instead of the findings.
        fail_on: The least level that ends with 1: error, warning (if left out), note; or never.
        allow_not_determined: End with 0 instead of 3 where a probe could not tell.
        quiet: No progress on standard error.
        baseline: Report only what this file does not list.
        write_baseline: List everything found in this file, and end with 0.
        from_scan: What `stormdoor-audit scan -o FILE.json` wrote: say of each finding what the server shows.
        probes: Show all probes, and probe nothing.
        explain: Show the page of a probe, such as SP101, and probe nothing.
    """
    given_all = dict(locals())
    from stormdoor_audit.cli.probe_file import completed
    from stormdoor_audit.cli.probe_run import (
        IdentityOptions,
        compare_with_scan,
        exit_status,
        load_scan,
        print_probe,
        print_probes,
        run_probe,
    )
    from stormdoor_audit.cli.probe_sources import CredentialOptions, Sources
    from stormdoor_audit.cli.scan_output import show, write

    if probes:
        return print_probes()
    if explain is not None:
        return print_probe(explain)
    if (merged := completed(config, given_all, inspect.signature(probe))) is not None:
        addresses = merged.pop("urls")
        return probe(*addresses, **merged)
    if not (urls or discover or har or openapi):
        raise UsageError(
            "which endpoint? write: stormdoor-audit probe ws://127.0.0.1:8888/chat, or let it look: "
            "--discover http://127.0.0.1:8888/, or write a file: stormdoor-audit probe init URL"
        )
    scan = load_scan(from_scan) if from_scan is not None else None
    given = IdentityOptions(
        cookies=cookie,
        headers=header,
        bearer=bearer,
        query=query,
        protocols=subprotocol,
        secret_protocols=credential_subprotocol,
        first_message=first_message,
    )
    report = run_probe(
        urls,
        owner=given,
        credential_options=CredentialOptions(
            token_from, token_name, token_pattern, oauth, client_id, client_secret, scope, steps
        ),
        sources=Sources(discover, har, openapi, at, identities, replay, safe),
        list_only=list_only,
        other=IdentityOptions(cookies=other_cookie, headers=other_header, query=other_query),
        login=login,
        fields=field,
        login_json=login_json,
        login_page=login_page,
        ca=ca,
        public_key=public_key,
        baseline=None if baseline == write_baseline else baseline,
        quiet=quiet,
        authorized=authorized,
        origin=origin,
        say=say,
        private=private,
        logout=logout,
        logout_header=logout_header,
        active=active,
        beside=beside,
        beside_say=beside_say,
        expired=expired_token,
        foreign=foreign_token,
        one_time=one_time,
        unused=unused_token,
        plain=plain,
        revoke=revoke,
        idle=idle,
        must_refuse=must_refuse,
        listen=listen,
        connections=connections,
        per_second=float(per_second),
        seconds=seconds,
    )
    if report is None:
        return 0
    if write_baseline is not None:
        from stormdoor_audit.report.baseline import baseline_of

        write(write_baseline, baseline_of(report))
    if scan is not None:
        report = compare_with_scan(report, scan)
    show(report, form=form, files=output, endpoints=endpoints)
    if write_baseline is not None:
        return 0
    return exit_status(report, fail_on, allow_not_determined=allow_not_determined)


@app.command(name="init")
def init(
    url: str,
    *,
    authorized: tuple[str, ...] = (),
    output: Annotated[Path, Parameter(name=["--output", "-o"], metavar="FILE")] = Path(
        "probe.toml"
    ),
) -> int:
    """Write a probe.toml for an application.

    Its endpoints are found from the page, and so is a login form. Only GET is sent.

    Args:
        url: A page of the application, or the address of an endpoint.
        authorized: A host, or HOST:PORT, beside this machine or the given page; may be repeated.
        output: The file. One that is there is not overwritten.
    """
    from stormdoor_audit.cli.probe_init import write_new

    return write_new(url, authorized, output)
