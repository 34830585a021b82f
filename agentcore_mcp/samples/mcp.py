"""The bundled sample MCP server: tools that run long, report progress, elicit an approval and return files."""

from __future__ import annotations

from typing import Annotated

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve
from mcp.types import CallToolResult, EmbeddedResource, TextResourceContents
from pydantic import BaseModel

from agentcore_mcp.hosting import sample

server = MCPServer(
    "sample", version="1", instructions="A sample without a model: ask it for help.", log_level="WARNING"
)


class Approval(BaseModel):
    """What a person is asked for."""

    approved: bool


def _question(what: str) -> Elicit[Approval]:
    return Elicit(f"Deploy {what}?", Approval)


@server.tool()
async def ask(prompt: str, ctx: Context) -> str:
    """Ask the sample agent, such as "help" or "slow 3", and get its words as progress."""
    words: list[str] = []
    async for piece in sample.pieces(prompt, None):
        words.append(str(piece))
        await ctx.report_progress(len(words), message=words[-1])
    return "".join(words)


@server.tool()
def deploy(what: str, answer: Annotated[ElicitationResult[Approval], Resolve(_question)]) -> str:
    """Pretend to deploy something, once a person has approved it."""
    approved = isinstance(answer, AcceptedElicitation) and answer.data.approved
    return f"Deployed {what}." if approved else f"Left {what} as it is."


@server.tool()
def report() -> CallToolResult:
    """Give a file and data."""
    file = TextResourceContents(uri="file:///orders.csv", mime_type="text/csv", text="month,orders\n1,20\n")
    return CallToolResult(content=[EmbeddedResource(resource=file)], structured_content={"orders": 20})


app = server.streamable_http_app()
