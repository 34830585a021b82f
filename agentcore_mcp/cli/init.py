"""``agentcore-mcp init``: a configuration file for the runtimes of a project or an account."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from agentcore_mcp.cli.hosts.table import HOSTS, Server
from agentcore_mcp.cli.install import install
from agentcore_mcp.config import name_of
from agentcore_mcp.config.environment import ENDPOINT_URL, value_of
from agentcore_mcp.config.loading import user_file
from agentcore_mcp.errors import AgentCoreError, ConfigurationError, InvalidRequestError
from agentcore_mcp.runtime.endpoints import check_endpoint_url
from agentcore_mcp.wire.ids import RuntimeArn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The files that the starter toolkit and the AgentCore CLI write into a project when they deploy.
_PROJECT_FILES = (".bedrock_agentcore.yaml", "agentcore/.cli/deployed-state.json")
_ARN = re.compile(r"arn:aws[\w-]*:bedrock-agentcore:[\w-]+:\d{12}:(runtime|harness)/[A-Za-z][\w-]*")
# A runtime with an authorizer accepts tokens, and no AWS credentials.
_AUTHORIZER = re.compile(r"discovery_?url\W+https?://", re.IGNORECASE)
_TOKEN = {"token": "${AGENTCORE_BEARER_TOKEN}"}


@dataclass(frozen=True, slots=True)
class Found:
    """A runtime, and where it was found.

    Attributes:
        arn: Its ARN.
        place: Where it was found.
        description: Its owner's description.
        keys: Further keys for its table in the file.
    """

    arn: RuntimeArn
    place: str
    description: str = ""
    keys: dict[str, object] = field(default_factory=dict)


@click.command()
@click.option("--runtime-arn", "arns", multiple=True, metavar="ARN", help="A runtime; repeatable.")
@click.option("--region", metavar="REGION", help="Where the account's runtimes are looked for.")
@click.option("--profile", metavar="NAME", help="Whose account; a profile of ~/.aws/config.")
@click.option(
    "--endpoint-url",
    metavar="URL",
    help="Where they are called instead of AWS. One on this machine is a local AgentCore's, whose are looked for then.",
)
@click.option("--all", "every", is_flag=True, help="Take all runtimes that are found, and ask nothing.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; default: the user's own.")
def init(
    arns: tuple[str, ...],
    region: str | None,
    profile: str | None,
    endpoint_url: str | None,
    output: Path | None,
    *,
    every: bool,
) -> None:
    """Write a configuration file: looks for runtimes in this folder's project and in the account, and asks which.

    A file that is there keeps all that it says; runtimes that it has already are left out.
    """
    path = output or user_file(os.environ, must_exist=False)
    if path is None:
        raise ConfigurationError("no folder for the configuration is known, as HOME is not set; pass --output")
    if (endpoint_url := endpoint_url or value_of(os.environ, ENDPOINT_URL)) is not None:
        check_endpoint_url(endpoint_url)
    found = [Found(_parsed(arn), "--runtime-arn") for arn in arns] or list(_looked_for(region, profile, endpoint_url))
    known = _known(path)
    new = [one for number, one in enumerate(found) if one.arn not in [*known, *(each.arn for each in found[:number])]]
    if not new:
        raise ConfigurationError(
            f"{path} has every runtime that was found; where they are called is the endpoint_url of each there"
            if found
            else "no runtime was found; pass --runtime-arn ARN, or --endpoint-url URL of a local AgentCore"
        )
    chosen = new if every or arns else _chosen(new)
    _write(path, chosen, endpoint_url=endpoint_url, auth={"profile": profile} if profile else None)
    click.echo(f"{path} names {', '.join(str(one.arn.runtime_id) for one in chosen)}")
    if any(one.keys.get("auth") == _TOKEN for one in chosen):
        click.echo("set AGENTCORE_BEARER_TOKEN to a token of the runtime's issuer: the file refers to that variable")
    click.echo('next: `agentcore-mcp invoke "hello"`, then `agentcore-mcp install HOST`')
    if sys.stdin.isatty() and not every:
        _offer_hosts(path)


def _looked_for(region: str | None, profile: str | None, endpoint_url: str | None) -> Iterator[Found]:
    """Yield the runtimes of the project and of the account; print an error if the account can't be listed."""
    from agentcore_mcp.config import Auth
    from agentcore_mcp.server.credentials import Credentials, uses_tls

    is_local = endpoint_url is not None and not uses_tls(endpoint_url)
    for name in () if is_local else _PROJECT_FILES:
        if (file := Path(name)).is_file():
            text = file.read_text("utf-8", "replace")
            for arn in dict.fromkeys(one for one in _arns(text) if not one.is_harness):
                yield Found(arn, name, keys={"auth": _TOKEN} if _AUTHORIZER.search(text) else {})

    async def listed() -> Sequence[Found]:
        auth, runtimes = await Credentials().runtimes(Auth(profile=profile), region, endpoint_url)
        found = [Found(one.arn, f"the account, in {one.arn.region}", one.description) for one in runtimes]
        for one, runtime in zip(found, runtimes, strict=True):
            if auth.none:
                one.keys["auth"] = {"none": True}
            if (facts := runtime.facts) is not None and facts.takes_tokens:
                one.keys["auth"] = _TOKEN
            if facts is not None and facts.protocol != "http":
                # The server lists its tools before it can look the protocol up.
                one.keys["protocol"] = facts.protocol
        return found

    try:
        yield from anyio.run(listed)
    except AgentCoreError as error:
        click.echo(f"the account's runtimes can't be listed: {error.message}", err=True)


def _parsed(arn: str) -> RuntimeArn:
    try:
        return RuntimeArn.parse(arn)
    except InvalidRequestError as error:
        raise ConfigurationError(f"--runtime-arn: {error.message}") from error


def _known(path: Path) -> list[RuntimeArn]:
    """Return the runtimes and harnesses that a file already names."""
    return _arns(path.read_text("utf-8", "replace")) if path.exists() else []


def _arns(text: str) -> list[RuntimeArn]:
    return [RuntimeArn.parse(match[0]) for match in _ARN.finditer(text)]


def _chosen(found: list[Found]) -> list[Found]:
    for number, one in enumerate(found, 1):
        click.echo(
            f"{number:3}  {one.arn.runtime_id}  ({one.place}){f': {one.description}' if one.description else ''}"
        )
    if not sys.stdin.isatty():
        raise ConfigurationError("there is no terminal to ask which: pass --all or --runtime-arn ARN")

    def numbers(text: str) -> list[Found]:
        wanted = text.replace(",", " ").split()
        if not wanted or any(not each.isdecimal() or not 1 <= int(each) <= len(found) for each in wanted):
            raise click.BadParameter(f"name numbers from 1 to {len(found)}, such as 1 or 1,2")
        return [found[int(each) - 1] for each in wanted]

    return list(click.prompt("Which", default="1", value_proc=numbers))


def _write(path: Path, chosen: list[Found], **keys: object) -> None:
    from agentcore_mcp.cli.hosts.files import document, with_entry, write

    for one in chosen:
        name = name_of(one.arn)
        while document(path).get(("agents", name)) is not None:
            name += "-2"
        said = {"arn": str(one.arn), "description": one.description} | keys | one.keys
        write(path, with_entry(path, ("agents", name), {key: value for key, value in said.items() if value}))


def _offer_hosts(path: Path) -> None:
    """Offer to install the server in the hosts that are found here."""
    there = [name for name, host in HOSTS.items() if host.path("user", Server("agentcore")).parent.is_dir()]
    question = f"Install in which host? {', '.join(there) or 'None was found'}"
    wanted = click.prompt(question, default="", show_default=False)
    for name in wanted.replace(",", " ").split():
        install.main(["--config", str(path), name], prog_name="agentcore-mcp install", standalone_mode=False)
