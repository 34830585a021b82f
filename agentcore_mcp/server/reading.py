"""What an agent answers and a command prints, read into its call as it arrives.

Imported at the first call: with it come the client and all that reads answers, and hosts wait for the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp.errors import StreamInterruptedError
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop
from agentcore_mcp.wire.text import AnswerText, event_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.server.agents import Target
    from agentcore_mcp.server.call import Call


async def ask(target: Target, call: Call, prompt: str, *, raw_events: bool, answered: Callable[[str], None]) -> None:
    """Send the prompt, and add the agent's words, or its events as JSON lines, to the call."""
    agent = target.agent
    answer = AnswerText(path=agent.response)
    client = await target.client()
    async with client.invoke(
        agent.arn,
        agent.payload_for(prompt, call.session_id),
        session_id=call.session_id,
        qualifier=agent.qualifier,
        user_id=agent.user_id,
        headers=agent.headers,
        read_timeout_s=agent.timeout_s,
    ) as invocation:
        answered(invocation.session_id)
        async for pieces in invocation.batches:
            if raw_events:
                call.add("text", "".join([f"{event_line(data)}\n" for data in pieces]))
                continue
            # What came together is added together, as far as no note comes between: that takes a fraction of the time.
            words: list[str] = []
            for data in pieces:
                words.append(answer.feed(data))
                if notes := answer.take_notes():
                    call.add("text", "".join(words))
                    call.note("".join([f"[{note}]\n" for note in notes]))
                    words.clear()
            call.add("text", "".join(words))
    call.add("text", "" if raw_events else answer.close())


async def run(target: Target, call: Call, command: str, *, timeout_s: int, answered: Callable[[str], None]) -> None:
    """Send the command, and add what it writes and how it ends to the call.

    Raises:
        StreamInterruptedError: If that is not said.
    """
    agent = target.agent
    client = await target.client()
    async with client.run_command(
        agent.arn,
        command,
        session_id=call.session_id,
        timeout_s=timeout_s,
        qualifier=agent.qualifier,
        headers=target.command_headers,
    ) as run:
        answered(run.session_id)
        async for events in run.batches:
            for event in events:
                match event:
                    case ContentDelta():
                        call.add("stdout", event.stdout)
                        call.add("stderr", event.stderr, mark="[stderr] ")
                    case ContentStop():
                        call.stop = event
    if call.stop is None:
        raise StreamInterruptedError("the command's stream ended without saying how the command ended")
