"""The settings of one agent runtime: its ARN and endpoint, credentials, payload, and permitted operations."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping  # noqa: TC003 - pydantic reads it
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    model_validator,
)

from agentcore_mcp.config.auth import Auth
from agentcore_mcp.config.commands import CommandPolicy, Commands
from agentcore_mcp.config.harness import HarnessOptions  # noqa: TC001 - pydantic reads it
from agentcore_mcp.config.hosted import Allow  # noqa: TC001 - pydantic reads it
from agentcore_mcp.config.model import Table, text_like
from agentcore_mcp.wire.headers import header_fields
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.limits import USER_ID_MAX_CHARS

# A name becomes part of a tool's name, which hosts limit to 64 characters; 48 is also the limit of runtime names.
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}"
# A day, as in runtime.timeouts, which this package doesn't import.
TIMEOUT_MAX_S = 86_400

_PATH = r"[^.\s{}\[\]\"']+(?:\.[^.\s{}\[\]\"']+)*"
_PLACEHOLDER = re.compile(r"\{(prompt|session_id)\}")
# The service appends this to a runtime's name to form its id.
_ID_SUFFIX = re.compile(r"-[A-Za-z0-9]{10}$")


def _arn(value: Any) -> RuntimeArn:
    if isinstance(value, RuntimeArn):
        return value
    if not isinstance(value, str):
        # pydantic only catches a ValueError.
        raise ValueError(f"has to be a string, not {value!r}")  # noqa: TRY004
    return RuntimeArn.parse(value)


def _payload(value: Any) -> str | dict[str, Any]:
    if isinstance(value, str) and re.fullmatch(_PATH, value):
        return value
    if not isinstance(value, dict):
        raise ValueError(  # noqa: TRY004
            'a payload is a path such as "prompt" or "input.text", or a table with "{prompt}" in it'
        )
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the payload can't be JSON: {error}") from None
    if _filled(value, {"prompt": "", "session_id": "{session_id}"}) == value:
        raise ValueError('no text in the payload contains "{prompt}", so the agent would get no prompt')
    return value


def _headers(value: dict[str, str]) -> dict[str, str]:
    header_fields({}, value)
    return value


@dataclass(frozen=True, slots=True)
class Place:
    """Where a user set an agent's settings.

    Attributes:
        file: The configuration file, or "".
        variables: Else the variables or flags, by the keys they stand for.
        hosted: Whether messages to callers hide the file's path, because they don't run the server.
    """

    file: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    hosted: bool = False


class Agent(Table):
    """One agent runtime, and how to reach and use it."""

    # It is the key of the agent's table.
    not_in_files: ClassVar[frozenset[str]] = frozenset({"name"})

    name: Annotated[
        str,
        text_like(NAME_PATTERN, "a name; it has 1 to 48 letters, digits, - and _, the first a letter or digit"),
    ] = "agent"
    arn: Annotated[RuntimeArn, PlainValidator(_arn, json_schema_input_type=str), PlainSerializer(str)] = Field(
        description="The runtime; region and host follow from it"
    )
    description: str = Field(default="", description="What the agent is for; a model chooses by it")
    qualifier: str | None = Field(default=None, min_length=1, description="The runtime's endpoint; default: DEFAULT")
    protocol: Literal["auto", "http", "a2a", "agui", "mcp", "harness"] = Field(
        default="auto", description="What the agent speaks; auto: found out. A harness's ARN says it already"
    )
    harness: HarnessOptions | None = Field(default=None, description="With the ARN of a harness: its options")
    endpoint_url: str | None = Field(
        default=None, description="Where to send requests instead of AWS: https or loopback http"
    )
    auth: Auth = Field(default=Auth(), description="Credentials of the agent's requests; default: AWS credentials")
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(
        default={},
        repr=False,
        description="Further headers for the agent, such as X-Amzn-Bedrock-AgentCore-Runtime-Custom-*",
    )
    payload: Annotated[str | dict[str, Any], PlainValidator(_payload, json_schema_input_type=str | dict[str, Any])] = (
        Field(
            default="prompt",
            description='What the agent is sent: a path to put the prompt at, such as "input.text", or a table as it '
            "is sent, with {prompt} and {session_id} in its texts",
        )
    )
    response: Annotated[str, text_like(_PATH, 'a path; it looks like "result.text"')] | None = Field(
        default=None,
        description='Path of the words in each event or answer, such as "result.text"; default: found out',
    )
    timeout_s: float | None = Field(
        default=None,
        gt=0,
        le=TIMEOUT_MAX_S,
        allow_inf_nan=False,
        description="How many seconds the agent may be silent; default: 900",
    )
    user_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=USER_ID_MAX_CHARS,
        description="On whose behalf; needs bedrock-agentcore:InvokeAgentRuntimeForUser",
    )
    send_user_id: bool = Field(
        default=True, description="Without user_id, on a server with server.auth: send the caller's, likewise"
    )
    commands: Commands = Field(default=CommandPolicy(), description="Which commands may be run in the agent's sessions")
    allow: Allow | None = Field(default=None, description="Who may use it on a server with server.auth; default: all")
    on_cancel: Literal["keep", "cancel", "stop"] = Field(
        default="keep",
        description="When a call is cancelled: keep all going, cancel the task of an A2A agent, or stop the session",
    )

    _place: Place = PrivateAttr(Place())

    @model_validator(mode="after")
    def _user_goes_with_aws(self) -> Agent:
        if self.user_id is not None and not (self.auth.signs or self.auth.none):
            raise ValueError("user_id needs AWS credentials; with a token, the user is the token's subject")
        return self

    @model_validator(mode="after")
    def _protocol_goes_with_arn(self) -> Agent:
        if self.arn.is_harness and self.protocol not in ("auto", "harness"):
            raise ValueError(f"{self.arn} is a harness, so protocol can't be {self.protocol!r}; leave it out")
        if self.harness is not None and not self.arn.is_harness:
            raise ValueError(f"{self.arn} is a runtime, so it has no options of a harness")
        if self.arn.is_harness and "payload" in self.model_fields_set:
            raise ValueError(f"{self.arn} is a harness, which is sent messages; leave payload out")
        if self.protocol == "harness" and not self.arn.is_harness:
            raise ValueError(f"{self.arn} is a runtime, so protocol can't be 'harness'; give the harness's ARN")
        return self

    def model_post_init(self, context: Any) -> None:
        """Keep the source of the settings, if they were validated with a ``Place`` as context."""
        if isinstance(context, Place):
            self._place = context

    def setting(self, key: str) -> str:
        """Return the user's name for a setting, for error messages.

        Args:
            key: As in a file, such as ``qualifier`` or ``auth.token``.
        """
        if self._place.file:
            return f"{self._place.file}: agents.{self.name}.{key}"
        return self._place.variables.get(key, key)

    def settings(self, *keys: str) -> str:
        """Return the user's names for several settings, as part of a sentence.

        Args:
            keys: As for ``setting``.
        """
        if self._place.file:
            file = "the server's configuration" if self._place.hosted else self._place.file
            return f"{' and '.join(f'agents.{self.name}.{key}' for key in keys)} in {file}"
        if self._place.variables:
            return " and ".join(self.setting(key) for key in keys)
        return f"{' and '.join(keys)} of the agent {self.name}"

    def payload_for(self, prompt: Any, session_id: str) -> bytes:
        """Return the agent's request payload as JSON.

        Args:
            prompt: The prompt, or another JSON value in its place; a template keeps that value's type only in a text
                that is nothing but the placeholder.
            session_id: The id of the session.
        """
        if isinstance(self.payload, str):
            value: Any = prompt
            for key in reversed(self.payload.split(".")):
                value = {key: value}
        else:
            value = _filled(self.payload, {"prompt": prompt, "session_id": session_id})
        return json.dumps(value).encode()


def name_of(arn: RuntimeArn) -> str:
    """Return a name for the agent of a runtime: the runtime's own name."""
    return _ID_SUFFIX.sub("", arn.runtime_id)[:48]


def _filled(value: Any, words: Mapping[str, Any]) -> Any:
    """Fill in the placeholders in one pass, so that a placeholder inside a prompt is left alone."""
    match value:
        case str():
            if (whole := _PLACEHOLDER.fullmatch(value)) is not None:
                return words[whole[1]]
            texts = {name: word if isinstance(word, str) else json.dumps(word) for name, word in words.items()}
            return _PLACEHOLDER.sub(lambda found: texts[found[1]], value)
        case dict():
            return {key: _filled(inner, words) for key, inner in value.items()}
        case list():
            return [_filled(inner, words) for inner in value]
        case _:
            return value
