"""``agentcore-mcp invoke``: sends an agent a prompt, and streams its answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TextIO

import click

from agentcore_mcp.cli.terminal.calls import OneCall, make
from agentcore_mcp.cli.terminal.naming import Where, session_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agentcore_mcp.runtime.protocols.turn import Turn
    from agentcore_mcp.wire.pauses import Pause


@click.command()
@click.argument("prompt", required=False)
@click.option("--file", type=click.File(encoding="utf-8"), help="A file with the prompt; - is standard input.")
@session_options
def invoke(prompt: str | None, file: TextIO | None, where: Where) -> None:
    """Ask an agent. Its words appear as they come: as Markdown on a terminal, as they are in a pipe."""
    if prompt is None:
        source = file or (None if sys.stdin.isatty() else sys.stdin)
        if source is None:
            raise click.UsageError("what is the prompt? Pass it as an argument, by --file, or on standard input")
        prompt = source.read().removesuffix("\n")
    if not prompt.strip():
        raise click.UsageError("the prompt is empty; say what the agent should do")
    words = prompt

    async def work(call: OneCall) -> int:
        from agentcore_mcp.runtime.protocols.turn import Turn

        turn = Turn(words, call.session_id)
        while True:
            pauses, kept = await _ask(call, turn, as_json=where.as_json)
            if not pauses or not sys.stdin.isatty():
                return 0
            reply = click.prompt(pauses[0].question or "the agent waits for an answer", err=True)
            turn = Turn(reply, call.session_id, pauses, kept)

    make(where, work)


async def _ask(call: OneCall, turn: Turn, *, as_json: bool) -> tuple[Sequence[Pause], Mapping[str, Any]]:
    """Send a prompt, or the answers to pauses; return the agent's new pauses, and the state for the next turn."""
    from agentcore_mcp.cli.terminal.words import Words
    from agentcore_mcp.server.protocols.asking import asked_agent
    from agentcore_mcp.wire.text import AnswerText, event_line

    agent, answer = call.target.agent, AnswerText(path=call.target.agent.response)
    asking = await asked_agent(call.agents, call.target, user_id=agent.user_id, headers=agent.headers)
    with Words() as words:
        async with asking.ask(turn) as said_back:
            call.answered(said_back.session_id, said_back.endpoint_url)
            async for pieces in said_back.batches:
                for piece in pieces:
                    said = answer.feed(piece)
                    if as_json:
                        click.echo(event_line(piece))
                        continue
                    words.add(said)
                    for note in answer.take_notes():
                        words.note(note)
        if not as_json:
            words.add(answer.close())
        for pause in answer.pauses:
            words.note(f"the agent waits for an answer: {pause.question}")
    return answer.pauses, said_back.kept
