"""Spring AI, written by hand from its documented format: Spring's encoder writes ``data:`` without a blank behind it.

``Flux<String>`` and ``Flux<ServerSentEvent<String>>`` as WebFlux encodes them, ``Flux<ChatResponse>`` as JSON:
docs.spring.io/spring-framework/reference/web/webflux/reactive-spring.html, and Spring AI's ``ChatResponse``.
"""

from __future__ import annotations

import json
from pathlib import Path

SAMPLES = Path(__file__).parent.parent
TEXTS = ("It's", ' "3"', ",\nas", " you", " know.")


def lines(text: str) -> str:
    return "".join(f"data:{line}\n" for line in text.split("\n"))


def response(text: str) -> str:
    output = {"messageType": "ASSISTANT", "metadata": {"role": "ASSISTANT"}, "toolCalls": [], "media": [], "text": text}
    generation = {"output": output, "metadata": {"finishReason": "", "contentFilters": [], "empty": True}}
    metadata = {"id": "chatcmpl-1", "model": "m", "usage": {"promptTokens": 1}, "promptMetadata": [], "empty": False}
    return json.dumps({"result": generation, "results": [generation], "metadata": metadata})


for name, events in {
    "spring_flux": [lines(text) for text in TEXTS],
    "spring_events": [f"id:{i}\nevent:message\n{lines(text)}" for i, text in enumerate(TEXTS)],
    "spring_chat_response": [f"data:{response(text)}\n" for text in TEXTS],
}.items():
    (SAMPLES / f"{name}.sse").write_text("".join(f"{event}\n" for event in events))
