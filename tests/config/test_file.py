"""A configuration file: what it may say, what is put into it, and what is said of a mistake in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.config import Auth, ClientCredentials, Cognito, Discovery, Settings
from agentcore_mcp.config.file import read_file
from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Read = Callable[..., Settings]

ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/agent-0123456789"
SECRET = "not-a-real-secret"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a file with the given text, and the given environment."""
    path = tmp_path / "config.toml"

    def settings(text: str, **environ: str) -> Settings:
        path.write_text(text, encoding="utf-8")
        return read_file(path, environ).settings

    return settings


def agent(more: str = "", name: str = "review") -> str:
    return f'[agents.{name}]\narn = "{ARN}"\n{more}\n'


def test_agents_are_tables_by_name_in_their_order(read: Read) -> None:
    settings = read(
        'expose = "agents"\nhandoff_after = 50\non_exit = "stop"\ntools = ["invoke_agent", "run_command"]\n'
        + agent('description = "Reviews"\nqualifier = "prod"\ntimeout_s = 60\ncommands = "ask"')
        + "[agents.review.auth.client_credentials]\n"
        'token_url = "https://id.example/token"\nclient_id = "us"\nclient_secret = "${ID_SECRET}"\n'
        + agent('auth = { profile = "dev" }\n[agents.search.payload.input]\ntext = "{prompt}"', "search"),
        ID_SECRET=SECRET,
    )

    review, search = settings.agents
    assert settings.names == ("review", "search")
    assert (settings.expose, settings.handoff_after_s, settings.on_exit) == ("agents", 50, "stop")
    assert settings.tools == frozenset({"invoke_agent", "run_command"})
    assert (review.description, review.qualifier, review.timeout_s, review.commands.mode) == (
        "Reviews",
        "prod",
        60,
        "ask",
    )
    assert review.auth.client_credentials is not None
    assert review.auth.client_credentials.client_secret.get_secret_value() == SECRET
    assert search.payload == {"input": {"text": "{prompt}"}}


@pytest.mark.parametrize(
    ("text", "discovery"),
    [
        ("discover = true", Discovery()),
        ("[discover]", Discovery()),
        (
            '[discover]\nregion = "eu-west-1"\nprofile = "dev"\ninclude = ["team_*"]\nexclude = ["*_old"]',
            Discovery(region="eu-west-1", profile="dev", include=("team_*",), exclude=("*_old",)),
        ),
        (f"discover = false\n{agent()}", None),
    ],
)
def test_discovery_is_a_switch_or_a_table(read: Read, text: str, discovery: Discovery | None) -> None:
    assert read(text).discovery == discovery


def test_a_reference_is_replaced_wherever_a_string_is(read: Read) -> None:
    settings = read(
        agent(
            'description = "for ${WHO}, ${WHO} and $${WHO}"\ntimeout_s = "${LIMIT}"\n'
            'headers = { X-Team = "${WHO}" }\npayload = { to = ["${WHO}"], text = "{prompt}" }\n'
            'commands = { allow = ["${WHO} *", "echo ${1} $${HOME} ${X:-y}"] }'
        ),
        WHO="us",
        LIMIT="30",
    )

    found = settings.agent
    assert found.description == "for us, us and ${WHO}"
    assert found.timeout_s == 30
    assert found.headers == {"X-Team": "us"}
    assert found.payload == {"to": ["us"], "text": "{prompt}"}
    assert found.commands.allow == ("us *", "echo ${1} ${HOME} ${X:-y}")


def test_what_is_put_in_is_not_looked_at_for_references(read: Read) -> None:
    assert read(agent('description = "${A} it"'), A="${B}").agent.description == "${B} it"


@pytest.mark.parametrize("value", ["", "  ", "${UNFILLED}", "${user_config.qualifier}"])
def test_what_nobody_filled_in_is_unset(read: Read, value: str) -> None:
    environ = {"UNFILLED": "${user_config.x}"}

    assert read(agent(f'qualifier = "{value}"\nauth = {{ profile = "{value}" }}'), **environ).agent.qualifier is None


@pytest.mark.parametrize("key", ["token", "token_file"])
@pytest.mark.parametrize(("value", "as_is"), [("", ""), ("${T}", ", as T is"), ("$${T}", "")])
def test_no_token_is_not_taken_for_a_wish_to_sign_with_aws_credentials(
    read: Read, key: str, value: str, as_is: str
) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"agents\.review\.auth\.{key} is empty{as_is}; set it, or leave auth"
    ):
        read(agent(f'auth = {{ {key} = "{value}" }}'), T=" ")

    assert read(agent("auth = {}")).agent.auth == Auth()
    assert read(agent(f'auth = {{ {key} = "{value}", profile = "dev" }}'), T="").agent.auth == Auth(profile="dev")


def test_an_empty_text_in_a_payload_is_sent(read: Read) -> None:
    assert read(agent('payload = { context = "", text = "{prompt}" }')).agent.payload == {
        "context": "",
        "text": "{prompt}",
    }


def test_a_file_from_windows_is_read(read: Read) -> None:
    assert read("\ufeff" + agent().replace("\n", "\r\n")).names == ("review",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            agent('qualifer = "x"'),
            "agents.review: unknown key 'qualifer', did you mean 'qualifier'?; known are allow, arn, ",
        ),
        (agent() + 'read_onyl = true\n[agents.search]\narn = ""', "agents.search.arn: is missing"),
        (
            "reed_only = true\n" + agent(),
            ": unknown key 'reed_only', did you mean 'read_only'?; known are agents, disc",
        ),
        (agent('name = "x"'), "agents.review: unknown key 'name'; 'review' is the agent's name"),
        (agent(name='"a b"'), "agents.\"a b\": 'a b' is not a name; it has 1 to 48"),
        (agent().replace(ARN, "nope"), "agents.review.arn: not the ARN of an agent runtime: 'nope'"),
        (agent("timeout_s = -1"), "agents.review.timeout_s: should be greater than 0, not -1"),
        (agent("description = 4"), "agents.review.description: has to be a string, not 4"),
        (agent('commands = { allow = "ls" }'), "agents.review.commands.allow: has to be an array, not 'ls'"),
        (agent("commands = 3"), "agents.review.commands: has to be a table, not 3"),
        (agent('headers = "x"'), "agents.review.headers: has to be a table"),
        (agent('on_cancel = "ask"'), "agents.review.on_cancel: should be 'keep', 'cancel' or 'stop', not 'ask'"),
        ('expose = "both"\n' + agent(), "expose: should be 'tools' or 'agents', not 'both'"),
        ('tools = ["invoke"]\n' + agent(), "tools[0]: should be 'invoke_agent', 'call_agent_tool', "),
        (agent('auth = { token = "x", profile = "y" }'), "agents.review.auth: auth says one of: profile, "),
        (agent('auth = { cognito = { regoin = "x" } }'), "agents.review.auth.cognito: unknown key 'regoin', did you "),
        (agent('auth = { none = "yes" }'), "agents.review.auth.none: should be True, not 'yes'"),
        ('discover = "yes"', "discover: has to be a table, not 'yes'"),
        ('discover = { regions = "x" }', "discover: unknown key 'regions', did you mean 'region'?"),
        ('agents = ["review"]', ": agents are tables by name, such as [agents.review]"),
        ('agents.review = "x"', ": agents.review has to be a table, such as [agents.review]"),
        ("", "no agents are named, and discover is not set"),
        (agent('auth = { token = "${NOPE}" }'), "agents.review.auth.token refers to the variable NOPE, which is not s"),
        (agent('allow = { groups = ["hr"] }'), ": agents.review.allow needs server.auth: without it, nobody knows"),
        (agent() + '[discover]\nallow = { groups = ["hr"] }', ": discover.allow needs server.auth"),
        (agent() + "[server]\nsecret = 1234567890123456789", "server.secret: has to be a string"),
        (agent() + '[server]\npublic_url = "https://a:b@host"', "server.public_url: 'https://…host' is not https://HO"),
        (
            agent() + '[server]\npublic_url = "https://host?key"',
            "server.public_url: 'https://host…' is not https://HOST",
        ),
        (agent() + '[server]\npublic_url = "https://host:99999"', "server.public_url: 'https://host:99999' is no URL"),
        (agent('payload = { a = ["${NOPE}"] }'), "agents.review.payload.a refers to the variable NOPE"),
        ("[agents.review\n", "is not TOML: "),
        (agent() + agent(), "is not TOML: "),
    ],
)
def test_a_mistake_is_told_with_file_key_and_value_and_what_is_allowed(
    read: Read, tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(text)

    assert str(raised.value).startswith(f"{tmp_path / 'config.toml'}")
    assert sentence in str(raised.value)
    assert raised.value.__cause__ is None


def test_every_mistake_is_told_on_a_line_of_its_own(read: Read, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read('expose = "both"\n' + agent('on_cancel = "x"') + agent("timeout_s = 0", "search"))

    lines = str(raised.value).split("\n")
    assert [line.removeprefix(f"{tmp_path / 'config.toml'}: ").partition(":")[0] for line in lines] == [
        "agents.review.on_cancel",
        "agents.search.timeout_s",
        "expose",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        f'auth = {{ token = ["{SECRET}"] }}',
        f'auth = {{ token = "x", token_file = "{SECRET}" }}',
        f'auth = {{ token_command = "{SECRET}" }}',
        f'auth = {{ cognito = "{SECRET}" }}',
        f'auth = {{ client_credentials = {{ token_url = 1, client_id = "", client_secret = {{ x = "{SECRET}" }} }} }}',
        f'auth = "{SECRET}"',
        f'headers = "{SECRET}"',
        f'headers = {{ Authorization = "{SECRET}" }}',
        f'headers = {{ X-Key = "{SECRET}\\n" }}',
        f'headers = {{ X-Key = ["{SECRET}"] }}',
        f'payload = {{ key = "{SECRET}" }}',
        f'[server]\nsecret = "{SECRET}"',
        f'[server]\nsecret = ["{SECRET}"]',
        f'[server]\nstore = "http://:{SECRET}@redis.example.com"',
        f'[server]\nstore = ["{SECRET}"]',
    ],
)
def test_a_mistake_near_a_secret_is_told_without_it(read: Read, wrong: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(agent(wrong))

    assert SECRET not in str(raised.value)


SECRETS = [
    (*parents, key)
    for parents, table in (((), Auth), (("client_credentials",), ClientCredentials), (("cognito",), Cognito))
    for key, described in table.model_fields.items()
    if "SecretStr" in str(described.annotation)
]


@pytest.mark.parametrize("key", SECRETS, ids=".".join)
@pytest.mark.parametrize("value", ["1234567890", "true", f'["{SECRET}"]', f'{{ x = "{SECRET}" }}'])
def test_no_value_of_another_type_in_the_place_of_a_secret_is_told(
    read: Read, key: tuple[str, ...], value: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(agent(f"auth.{'.'.join(key)} = {value}"))

    assert f"agents.review.auth.{'.'.join(key)}: has to be a string" in str(raised.value)
    for secret in (SECRET, "1234567890", "rue"):
        assert secret not in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path, "directory")):
        with pytest.raises(ConfigurationError, match=reason) as raised:
            read_file(path, {})
        assert str(path) in str(raised.value)


def test_an_agent_of_a_file_knows_where_its_settings_are(read: Read, tmp_path: Path) -> None:
    settings = read(agent(f'auth = {{ token = "{SECRET}" }}'))

    assert settings.agent.setting("auth.token") == f"{tmp_path / 'config.toml'}: agents.review.auth.token"
    assert settings.agent.auth.kind == ("token",)
    assert SECRET not in repr(settings)
