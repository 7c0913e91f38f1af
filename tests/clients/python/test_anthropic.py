"""The official Anthropic library against every kind of upstream."""

import anthropic
import pytest
import shapes
from conftest import PIXEL, PROOF, TEXT, THOUGHTS
from pydantic import BaseModel

ASK = [{"role": "user", "content": "What is it?"}]
WEATHER = {
    "name": "weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
NOW = {"name": "now", "input_schema": {"type": "object", "properties": {}}}


class Place(BaseModel):
    city: str
    degrees: int


def ask(ant, model, **extra):
    return ant.messages.create(model=model, max_tokens=2048, messages=ASK, **extra)


def test_message(ant, side, seen):
    raw = ant.messages.with_raw_response.create(
        model=f"{side}/fake-chat", max_tokens=50, messages=ASK, system="Be brief.", stop_sequences=["END"]
    )
    answer = raw.parse()
    assert (answer.type, answer.role, answer.stop_reason) == ("message", "assistant", "end_turn")
    assert [block.text for block in answer.content] == [TEXT]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (21, 7)
    assert raw.headers["x-generation-id"].startswith("gen-")
    body = seen("last")["body"]
    assert (shapes.system(side, body), shapes.limit(side, body)) == ("Be brief.", 50)
    assert shapes.stop(side, body) == ([] if side == "fake-responses" else ["END"])


def test_stream(ant, side):
    with ant.messages.stream(model=f"{side}/fake-chat", max_tokens=50, messages=ASK) as stream:
        names = []
        text = ""
        for event in stream:
            names.append(event.type)
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                text += event.delta.text
        final = stream.get_final_message()
    assert text == TEXT
    assert final.content[0].text == TEXT
    assert final.stop_reason == "end_turn"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (21, 7)
    kept = [name for name in names if name.startswith(("message_", "content_block_st"))]
    assert kept == ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]


@pytest.mark.parametrize("scenario", ["fake-crlf", "fake-byte-by-byte", "fake-comments", "fake-gzip"])
def test_streams_of_odd_upstreams(ant, side, scenario):
    with ant.messages.stream(model=f"{side}/{scenario}", max_tokens=50, messages=ASK) as stream:
        assert "".join(stream.text_stream) == TEXT


def test_tool_loop(ant, side):
    model = f"{side}/fake-parallel-tools"
    first = ask(ant, model, tools=[WEATHER])
    calls = [block for block in first.content if block.type == "tool_use"]
    assert first.stop_reason == "tool_use"
    assert [call.input for call in calls] == [{"city": "Dunhuang"}, {"city": "Kashgar"}]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"} for call in calls]
    messages = [*ASK, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    last = ant.messages.create(model=model, max_tokens=50, messages=messages, tools=[WEATHER])
    assert last.content[0].text == "It is 21 degrees in Dunhuang."


def test_streamed_tools(ant, side):
    model = f"{side}/fake-parallel-tools"
    with ant.messages.stream(model=model, max_tokens=50, messages=ASK, tools=[WEATHER]) as stream:
        final = stream.get_final_message()
    assert [block.input for block in final.content] == [{"city": "Dunhuang"}, {"city": "Kashgar"}]
    assert len({block.id for block in final.content}) == 2
    assert final.stop_reason == "tool_use"


@pytest.mark.parametrize("stream", [False, True])
def test_tool_without_arguments(ant, side, stream):
    model = f"{side}/fake-zero-arg"
    if stream:
        with ant.messages.stream(model=model, max_tokens=50, messages=ASK, tools=[NOW]) as events:
            answer = events.get_final_message()
    else:
        answer = ask(ant, model, tools=[NOW])
    (block,) = answer.content
    assert (block.type, block.name, block.input) == ("tool_use", "now", {})


@pytest.mark.parametrize(
    "choice, expected",
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "weather"}, "weather"),
    ],
)
def test_tool_choice(ant, side, seen, choice, expected):
    ask(ant, f"{side}/fake-tools", tools=[WEATHER], tool_choice=choice)
    body = seen("last")["body"]
    assert shapes.tool_choice(side, body) == expected
    assert shapes.tools(side, body) == [("weather", WEATHER["description"], WEATHER["input_schema"])]


def test_structured_output(ant, side, seen):
    answer = ant.messages.parse(model=f"{side}/fake-json", max_tokens=50, messages=ASK, output_format=Place)
    assert answer.parsed_output == Place(city="Dunhuang", degrees=21)
    assert shapes.schema(side, seen("last")["body"])["required"] == ["city", "degrees"]


def test_images(ant, side, seen):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/gate.jpg"}},
    ]
    ant.messages.create(model=f"{side}/fake-chat", max_tokens=50, messages=[{"role": "user", "content": parts}])
    assert shapes.images(side, seen("last")["body"]) == [f"data:image/png;base64,{PIXEL}", "https://example.com/gate.jpg"]


def test_thinking(ant, side, seen):
    asked = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    answer = ask(ant, f"{side}/fake-thinking", **asked)
    with ant.messages.stream(
        model=f"{side}/fake-thinking", max_tokens=2048, messages=ASK, **asked
    ) as stream:
        final = stream.get_final_message()
    for content in (answer.content, final.content):
        # Google signs its words and not its thoughts: the proof comes by itself, where it stood.
        kinds = [block.type for block in content if block.type != "redacted_thinking"]
        assert kinds == ["thinking", "text"] and len(content) == (3 if side == "fake-gemini" else 2)
        assert content[0].thinking == THOUGHTS
    if side == "fake-anthropic":
        assert answer.content[0].signature == final.content[0].signature == PROOF
    # What was answered can be sent back, and its proof reaches whoever gave it.
    for content in (answer.content, final.content):
        messages = [*ASK, {"role": "assistant", "content": content}, {"role": "user", "content": "And now?"}]
        again = ant.messages.create(model=f"{side}/fake-thinking", max_tokens=2048, messages=messages, **asked)
        assert [block.text for block in again.content if block.type == "text"] == [TEXT]
        assert shapes.proofs(side, seen("last")["body"]) == ([] if side == "fake-openai" else [PROOF])


def test_caching(ant, side, seen):
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    usage = ask(ant, f"{side}/fake-cached", system=system).usage
    assert usage.cache_read_input_tokens == 800
    # The others do not tell what they have written to their cache.
    written = 200 if side in ("fake-anthropic", "fake-responses") else 0
    assert (usage.input_tokens, usage.cache_creation_input_tokens) == (221 - written, written)
    if side == "fake-anthropic":
        assert seen("last")["body"]["system"] == system


def test_stop_reasons(ant, side):
    assert ask(ant, f"{side}/fake-length").stop_reason == "max_tokens"
    assert ask(ant, f"{side}/fake-refusal").content[0].text == "I cannot help with that."


def test_count_tokens(ant, side):
    counted = ant.messages.count_tokens(model=f"{side}/fake-chat", messages=ASK, system="Be brief.")
    if side == "fake-anthropic":
        assert counted.input_tokens == 42
    else:
        assert 0 < counted.input_tokens < 100


def test_models(ant):
    models = list(ant.models.list())
    assert "smart" in [model.id for model in models]
    assert all(model.type == "model" for model in models)


def test_beta_headers_are_passed_on(ant, seen):
    ask(ant, "fake-anthropic/fake-chat", extra_headers={"anthropic-beta": "context-1m-2025-08-07"})
    headers = seen("last")["headers"]
    assert headers["anthropic-beta"] == "context-1m-2025-08-07"
    assert headers["anthropic-version"]


@pytest.mark.parametrize(
    "status, kind, name",
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_upstream_errors(ant, side, status, kind, name, stream):
    with pytest.raises(kind) as caught:
        ask(ant, f"{side}/fake-{status}", stream=stream)
    assert caught.value.status_code == status
    assert caught.value.body["error"]["type"] == name
    assert f"fake upstream says {status}" in caught.value.body["error"]["message"]


def test_our_own_errors(ant):
    with pytest.raises(anthropic.AuthenticationError):
        ask(ant.with_options(api_key="sk-yu-wrong"), "smart")
    with pytest.raises(anthropic.NotFoundError) as caught:
        ask(ant, "fake-anthropc/fake-chat")
    assert "fake-anthropic/fake-chat" in caught.value.body["error"]["message"]
    with pytest.raises(anthropic.PermissionDeniedError):
        ask(ant.with_options(api_key="sk-yu-narrow-0123456789abcdefghijklmn"), "fake-anthropic/fake-tools")


def test_errors_within_a_stream(ant, side):
    with pytest.raises(anthropic.APIStatusError) as caught:
        for _ in ask(ant, f"{side}/fake-error-event", stream=True):
            pass
    assert "fake upstream broke down" in str(caught.value.body)


def test_time_out(ant, side, until):
    before = until(lambda counts: counts["open"] == 0)["aborted"]
    with pytest.raises(anthropic.APITimeoutError):
        ask(ant.with_options(timeout=0.5), f"{side}/fake-never-answers")
    until(lambda counts: counts["aborted"] > before and counts["open"] == 0)


def test_cancellation(ant, side, until):
    before = until(lambda counts: counts["open"] == 0)["aborted"]
    stream = ask(ant, f"{side}/fake-hold", stream=True)
    assert next(iter(stream)).type == "message_start"
    stream.close()
    until(lambda counts: counts["aborted"] > before and counts["open"] == 0)
