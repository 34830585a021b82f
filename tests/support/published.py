"""The published ``bedrock-agentcore`` package, imported in spite of its warnings: the judge of ours."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # It still defines a model in pydantic's old way, which is not for us to fix.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    from bedrock_agentcore import BedrockAgentCoreApp
    from bedrock_agentcore.runtime import AgentCoreRuntimeClient

__all__ = ["AgentCoreRuntimeClient", "BedrockAgentCoreApp"]
