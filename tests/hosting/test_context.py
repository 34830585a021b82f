"""What is known about a request, and that nothing of the one before is."""

from __future__ import annotations

from contextvars import Context
from typing import TYPE_CHECKING

from starlette.requests import Request

from agentcore_mcp.hosting.context import BedrockAgentCoreContext, RequestContext, enter_request, request_scope

if TYPE_CHECKING:
    from collections.abc import Callable

GETTERS: tuple[Callable[[], object], ...] = (
    BedrockAgentCoreContext.get_session_id,
    BedrockAgentCoreContext.get_workload_access_token,
    BedrockAgentCoreContext.get_oauth2_callback_url,
    BedrockAgentCoreContext.get_request_headers,
)


def _request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


def test_outside_of_a_request_nothing_is_known() -> None:
    context = Context()

    assert [context.run(getter) for getter in GETTERS] == [None, None, None, None]
    assert context.run(BedrockAgentCoreContext.get_request_id) is None
    assert RequestContext() == RequestContext(session_id=None, request_headers=None, request=None)


FULL = _request(
    X_Amzn_Bedrock_AgentCore_Runtime_Session_Id="s-1", WorkloadAccessToken="w", OAuth2CallbackUrl="u", X_Own="1"
)


def test_nothing_of_the_request_before_is_left() -> None:
    """As in a server that serves several requests in one task."""

    def two_requests() -> None:
        with request_scope():
            enter_request(FULL)
            assert [getter() for getter in GETTERS[:3]] == ["s-1", "w", "u"]
        assert BedrockAgentCoreContext.get_request_id() is None
        with request_scope():
            assert enter_request(_request()).request_headers is None
            assert [getter() for getter in GETTERS] == [None, None, None, None]

    Context().run(two_requests)


def test_what_the_program_has_set_holds_for_requests_that_come_without() -> None:
    """A workload token for a laptop, set before ``app.run()``."""

    def program() -> None:
        BedrockAgentCoreContext.set_workload_access_token("of the program")
        BedrockAgentCoreContext.set_request_headers({"x-of": "the program"})
        for request, token in ((_request(), "of the program"), (FULL, "w"), (_request(), "of the program")):
            with request_scope():
                context = enter_request(request)
                assert BedrockAgentCoreContext.get_workload_access_token() == token
                assert context.request_headers == BedrockAgentCoreContext.get_request_headers()
        assert BedrockAgentCoreContext.get_request_headers() == {"x-of": "the program"}

    Context().run(program)


def test_a_request_without_an_id_gets_one_of_its_own() -> None:
    context = Context()
    ids = set()
    for _ in range(2):
        context.run(enter_request, _request())
        ids.add(context.run(BedrockAgentCoreContext.get_request_id))

    assert len(ids) == 2
    assert None not in ids


def test_an_agent_may_set_what_it_knows_better() -> None:
    def alter() -> list[object]:
        BedrockAgentCoreContext.set_workload_access_token("other")
        BedrockAgentCoreContext.set_oauth2_callback_url("https://example.com")
        BedrockAgentCoreContext.set_request_headers({"a": "b"})
        BedrockAgentCoreContext.set_request_context("r-1", "s-2")
        return [BedrockAgentCoreContext.get_request_id(), *(getter() for getter in GETTERS)]

    assert Context().run(alter) == ["r-1", "s-2", "other", "https://example.com", {"a": "b"}]
