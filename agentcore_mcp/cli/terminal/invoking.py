"""``agentcore-mcp invoke``: a prompt for an agent, and its words while they come."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

import click

from agentcore_mcp.cli.options import AgentOptions, agent_options
from agentcore_mcp.cli.terminal.calls import OneCall, make, session_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentcore_mcp.wire.pauses import Pause


@click.command()
@click.argument("prompt", required=False)
@click.option("--file", type=click.File(encoding="utf-8"), help="A file with the prompt; - is standard input.")
@session_options
@agent_options
def invoke(
    prompt: str | None,
    file: TextIO | None,
    which: str,
    session: str,
    *,
    go_on: bool,
    as_json: bool,
    agent: AgentOptions,
) -> None:
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
        pauses: Sequence[Pause] = ()
        answer = words
        while True:
            pauses = await _ask(call, answer, pauses, as_json=as_json)
            if not pauses or not sys.stdin.isatty():
                return 0
            answer = click.prompt(pauses[0].question or "the agent waits for an answer", err=True)

    make(agent, which, session, work, go_on=go_on)


async def _ask(call: OneCall, prompt: str, pauses: Sequence[Pause], *, as_json: bool) -> Sequence[Pause]:
    """Send a prompt, or the answer to what the agent waits for, and return what it waits for then."""
    from agentcore_mcp.cli.terminal.words import Words
    from agentcore_mcp.wire.pauses import reply_to
    from agentcore_mcp.wire.text import AnswerText, event_line

    agent, answer = call.target.agent, AnswerText(path=call.target.agent.response)
    with Words() as words:
        async with call.client.invoke(
            agent.arn,
            agent.payload_for(reply_to(pauses, prompt), call.session_id),
            session_id=call.session_id,
            qualifier=agent.qualifier,
            user_id=agent.user_id,
            headers=agent.headers,
            read_timeout_s=agent.timeout_s,
        ) as invocation:
            call.answered(invocation.session_id)
            async for pieces in invocation.batches:
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
    return answer.pauses
