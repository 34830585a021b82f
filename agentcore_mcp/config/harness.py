"""Per-call overrides of a harness's own settings."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from agentcore_mcp.config.model import Table, text_like

# HarnessAllowedTool in the service model, with at most 64 characters.
_TOOL = text_like(r"(?=.{1,64}$)(\*|@?[^/]+(/[^/]+)?)", 'a tool; it looks like "*", "shell" or "@server/tool"')


def _model(value: str | dict[str, Any]) -> str | dict[str, Any]:
    if not value or (isinstance(value, dict) and len(value) != 1):
        raise ValueError("has to be the id of a Bedrock model, or a table with one key, such as openAiModelConfig")
    return value


class HarnessOptions(Table):
    """Options of InvokeHarness. What isn't set is as the harness was created with."""

    model: Annotated[str | dict[str, Any], AfterValidator(_model)] | None = Field(
        default=None,
        description="Id of the Bedrock model; or a table as in boto3, such as "
        '{openAiModelConfig = {modelId = "…", apiKeyArn = "…"}}',
    )
    system_prompt: str | None = Field(default=None, min_length=1, description="Its instructions")
    allowed_tools: tuple[Annotated[str, _TOOL], ...] | None = Field(
        default=None, description='The tools that it may use, such as "@server/tool"; "*": all'
    )
    max_iterations: int | None = Field(default=None, ge=1, description="How often its loop may ask the model")
    max_tokens: int | None = Field(default=None, ge=1, description="How many tokens the model may write each time")
    timeout_s: int | None = Field(default=None, ge=1, description="How many seconds its loop may take")
    actor_id: str | None = Field(default=None, min_length=1, description="Whose memory it uses, for all callers")

    @property
    def members(self) -> dict[str, Any]:
        """The options that are set, by their names in the service model."""
        model = {"bedrockModelConfig": {"modelId": self.model}} if isinstance(self.model, str) else self.model
        every = {
            "model": model,
            "systemPrompt": self.system_prompt and [{"text": self.system_prompt}],
            "allowedTools": self.allowed_tools,
            "maxIterations": self.max_iterations,
            "maxTokens": self.max_tokens,
            "timeoutSeconds": self.timeout_s,
            "actorId": self.actor_id,
        }
        return {name: value for name, value in every.items() if value is not None}
