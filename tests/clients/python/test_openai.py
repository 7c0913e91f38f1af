"""The official OpenAI library, its Chat Completions, against every kind of upstream."""

import openai
import pytest
import shapes
from conftest import PIXEL, TEXT, URL
from pydantic import BaseModel

ASK = [{"role": "user", "content": "What is it?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
NOW = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}


class Place(BaseModel):
    city: str
    degrees: int


def test_chat(oai, side, seen):
    raw = oai.chat.completions.with_raw_response.create(
        model=f"{side}/fake-chat",
        messages=[{"role": "system", "content": "Be brief."}, *ASK],
        temperature=0.5,
        max_tokens=50,
        stop=["END"],
    )
    answer = raw.parse()
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (21, 7, 28)
    assert raw.headers["x-generation-id"].startswith("gen-")
    assert int(raw.headers["x-yumen-overhead-us"]) >= 0
    body = seen("last")["body"]
    assert (shapes.limit(side, body), shapes.temperature(side, body)) == (50, 0.5)
    assert shapes.system(side, body) == "Be brief."
    if side == "fake-responses":
        assert raw.headers["x-yumen-lossy"] == "stop"
    else:
        assert shapes.stop(side, body) == ["END"] and "x-yumen-lossy" not in raw.headers


@pytest.mark.parametrize("include_usage", [False, True])
def test_stream(oai, side, include_usage):
    extra = {"stream_options": {"include_usage": True}} if include_usage else {}
    stream = oai.chat.completions.create(model=f"{side}/fake-chat", messages=ASK, stream=True, **extra)
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    with_choices = [chunk for chunk in chunks if chunk.choices]
    assert with_choices[0].choices[0].delta.role == "assistant"
    assert with_choices[-1].choices[0].finish_reason == "stop"
    assert all(chunk.choices[0].finish_reason is None for chunk in with_choices[:-1])
    assert len({chunk.id for chunk in chunks}) == 1
    counted = [chunk.usage for chunk in chunks if chunk.usage]
    if include_usage:
        assert (counted[-1].prompt_tokens, counted[-1].completion_tokens) == (21, 7)
        assert chunks[-1].choices == []
    else:
        assert counted == [] and all(chunk.choices for chunk in chunks)


@pytest.mark.parametrize("scenario", ["fake-crlf", "fake-byte-by-byte", "fake-comments", "fake-no-done", "fake-gzip"])
def test_streams_of_odd_upstreams(oai, side, scenario):
    stream = oai.chat.completions.create(model=f"{side}/{scenario}", messages=ASK, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == TEXT


def test_tool_loop(oai, side):
    messages = list(ASK)
    model = f"{side}/fake-parallel-tools"
    first = oai.chat.completions.create(model=model, messages=messages, tools=[WEATHER]).choices[0]
    assert first.finish_reason == "tool_calls"
    assert [call.function.arguments for call in first.message.tool_calls] == [
        '{"city":"Dunhuang"}',
        '{"city":"Kashgar"}',
    ]
    messages.append(first.message)
    for call in first.message.tool_calls:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "21 degrees"})
    last = oai.chat.completions.create(model=model, messages=messages, tools=[WEATHER]).choices[0]
    assert last.message.content == "It is 21 degrees in Dunhuang."


def test_streamed_tools(oai, side):
    with oai.chat.completions.stream(model=f"{side}/fake-parallel-tools", messages=ASK, tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert [call.function.arguments for call in calls] == ['{"city":"Dunhuang"}', '{"city":"Kashgar"}']
    assert [call.function.name for call in calls] == ["weather", "weather"]
    assert len({call.id for call in calls}) == 2
    assert final.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("stream", [False, True])
def test_tool_without_arguments(oai, side, stream):
    model = f"{side}/fake-zero-arg"
    if stream:
        with oai.chat.completions.stream(model=model, messages=ASK, tools=[NOW]) as events:
            answer = events.get_final_completion()
    else:
        answer = oai.chat.completions.create(model=model, messages=ASK, tools=[NOW])
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("now", "{}")


@pytest.mark.parametrize(
    "choice", ["auto", "required", "none", {"type": "function", "function": {"name": "weather"}}]
)
def test_tool_choice(oai, side, seen, choice):
    oai.chat.completions.create(model=f"{side}/fake-tools", messages=ASK, tools=[WEATHER], tool_choice=choice)
    body = seen("last")["body"]
    assert shapes.tool_choice(side, body) == (choice if isinstance(choice, str) else "weather")
    function = WEATHER["function"]
    assert shapes.tools(side, body) == [("weather", function["description"], function["parameters"])]


def test_structured_output(oai, side, seen):
    answer = oai.chat.completions.parse(model=f"{side}/fake-json", messages=ASK, response_format=Place)
    assert answer.choices[0].message.parsed == Place(city="Dunhuang", degrees=21)
    assert shapes.schema(side, seen("last")["body"])["required"] == ["city", "degrees"]


def test_images(oai, side, seen):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/gate.jpg"}},
    ]
    oai.chat.completions.create(model=f"{side}/fake-chat", messages=[{"role": "user", "content": parts}])
    assert shapes.images(side, seen("last")["body"]) == [f"data:image/png;base64,{PIXEL}", "https://example.com/gate.jpg"]


def test_thinking(oai, side):
    model = f"{side}/fake-thinking"
    whole = oai.chat.completions.create(model=model, messages=ASK)
    assert whole.choices[0].message.reasoning_content == "The gate is in the west."
    assert whole.choices[0].message.content == TEXT
    thoughts = ""
    for chunk in oai.chat.completions.create(model=model, messages=ASK, stream=True):
        if chunk.choices:
            thoughts += getattr(chunk.choices[0].delta, "reasoning_content", None) or ""
    assert thoughts == "The gate is in the west."


def test_finish_reasons(oai, side):
    cut = oai.chat.completions.create(model=f"{side}/fake-length", messages=ASK)
    assert cut.choices[0].finish_reason == "length"
    refused = oai.chat.completions.create(model=f"{side}/fake-refusal", messages=ASK).choices[0]
    assert refused.finish_reason == ("stop" if side in ("fake-openai", "fake-responses") else "content_filter")
    said = (refused.message.refusal or "") + (refused.message.content or "")
    assert said == "I cannot help with that."


def test_cached_tokens(oai, side):
    usage = oai.chat.completions.create(model=f"{side}/fake-cached", messages=ASK).usage
    assert (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens) == (1021, 800)


def test_logprobs(oai):
    answer = oai.chat.completions.create(model="fake-openai/fake-chat", messages=ASK, logprobs=True)
    assert answer.choices[0].logprobs.content[0].logprob == -0.25


def test_legacy_completions(oai):
    answer = oai.completions.create(model="fake-openai/fake-chat", prompt="Once")
    assert answer.choices[0].text == TEXT
    stream = oai.completions.create(model="fake-openai/fake-chat", prompt="Once", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == TEXT


def test_embeddings(oai, seen):
    answer = oai.embeddings.create(model="fake-openai/fake-embed", input=["a", "b"])
    assert seen("last")["body"]["encoding_format"] == "base64"
    assert [item.index for item in answer.data] == [0, 1]
    assert answer.data[0].embedding[:4] == [-0.75, -0.5, -0.25, 0.0]
    floats = oai.embeddings.create(model="fake-openai/fake-embed", input="a", encoding_format="float", dimensions=4)
    assert floats.data[0].embedding == [-0.75, -0.5, -0.25, 0.0]
    assert floats.usage.prompt_tokens == 9


def test_models(oai):
    names = [model.id for model in oai.models.list()]
    assert "smart" in names
    assert any(name.endswith("fake-chat") for name in names)


@pytest.mark.parametrize(
    "status, kind",
    [
        (400, openai.BadRequestError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_upstream_errors(oai, side, status, kind, stream):
    with pytest.raises(kind) as caught:
        oai.chat.completions.create(model=f"{side}/fake-{status}", messages=ASK, stream=stream)
    assert caught.value.status_code == status
    assert f"fake upstream says {status}" in caught.value.message


def test_our_own_errors(oai):
    with pytest.raises(openai.AuthenticationError):
        oai.with_options(api_key="sk-yu-wrong").chat.completions.create(model="smart", messages=ASK)
    with pytest.raises(openai.NotFoundError) as caught:
        oai.chat.completions.create(model="fake-openia/fake-chat", messages=ASK)
    assert "fake-openai/fake-chat" in caught.value.message
    with pytest.raises(openai.PermissionDeniedError):
        narrow = oai.with_options(api_key="sk-yu-narrow-0123456789abcdefghijklmn")
        narrow.chat.completions.create(model="fake-openai/fake-tools", messages=ASK)
    with pytest.raises(openai.BadRequestError) as caught:
        oai.chat.completions.create(model="fake-anthropic/fake-chat", messages="not a list")
    assert caught.value.param.startswith("messages")
    slow = oai.with_options(api_key="sk-yu-slow-0123456789abcdefghijklmnop")
    slow.chat.completions.create(model="smart", messages=ASK)
    with pytest.raises(openai.RateLimitError) as caught:
        slow.chat.completions.create(model="smart", messages=ASK)
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_errors_within_a_stream(oai, side):
    with pytest.raises(openai.APIError) as caught:
        list(oai.chat.completions.create(model=f"{side}/fake-error-event", messages=ASK, stream=True))
    assert "fake upstream broke down" in str(caught.value)


def test_time_out(oai, side, until):
    before = until(lambda counts: counts["open"] == 0)["aborted"]
    with pytest.raises(openai.APITimeoutError):
        oai.with_options(timeout=0.5).chat.completions.create(model=f"{side}/fake-never-answers", messages=ASK)
    until(lambda counts: counts["aborted"] > before and counts["open"] == 0)


def test_cancellation(oai, side, until):
    before = until(lambda counts: counts["open"] == 0)["aborted"]
    stream = oai.chat.completions.create(model=f"{side}/fake-hold", messages=ASK, stream=True)
    next(iter(stream))
    stream.close()
    until(lambda counts: counts["aborted"] > before and counts["open"] == 0)


def test_chunks_come_one_by_one(oai, side):
    """The first chunk is there long before the last one was sent."""
    stream = oai.chat.completions.create(model=f"{side}/fake-hold", messages=ASK, stream=True)
    assert next(iter(stream)).choices[0].delta.role == "assistant"
    stream.close()


def test_the_same_below_api():
    client = openai.OpenAI(base_url=URL + "/api/v1", api_key="sk-yu-test-0123456789abcdefghijklmnop", max_retries=0)
    answer = client.chat.completions.create(model="smart", messages=ASK)
    assert answer.choices[0].message.content == TEXT
