"""Google's official library (google-genai) against every kind of upstream."""

import asyncio
import base64

import pytest
import shapes
from conftest import PIXEL, PROOF, TEXT, THOUGHTS, URL
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

ASK = "What is it?"
NOW = types.Tool(function_declarations=[{"name": "now", "description": "The time"}])


class Place(BaseModel):
    city: str
    degrees: int


def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 degrees in {city}"


def declared():
    """The tool without the library calling it by itself."""
    parameters = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
    function = {"name": "weather", "description": "The weather in a city", "parameters": parameters}
    return types.Tool(function_declarations=[function])


def ask(gem, model, contents=ASK, **config):
    return gem.models.generate_content(model=model, contents=contents, config=config or None)


def stream(gem, model, contents=ASK, **config):
    return list(gem.models.generate_content_stream(model=model, contents=contents, config=config or None))


def parts_of(answers):
    """The parts of an answer, or of the chunks of a stream, as one turn of the model."""
    answers = answers if isinstance(answers, list) else [answers]
    return [part for answer in answers for part in answer.candidates[0].content.parts or []]


def test_generate_content(gem, side, seen):
    answer = ask(
        gem,
        f"{side}/fake-chat",
        system_instruction="Be brief.",
        temperature=0.5,
        max_output_tokens=50,
        stop_sequences=["END"],
    )
    assert answer.text == TEXT
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    usage = answer.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count) == (21, 7, 28)
    assert answer.sdk_http_response.headers["x-generation-id"].startswith("gen-")
    body = seen("last")["body"]
    assert (shapes.limit(side, body), shapes.temperature(side, body)) == (50, 0.5)
    assert shapes.system(side, body) == "Be brief."
    assert shapes.stop(side, body) == ([] if side == "fake-responses" else ["END"])


def test_turns(gem, side):
    chat = gem.chats.create(model=f"{side}/fake-chat")
    assert chat.send_message(ASK).text == TEXT
    assert "".join(chunk.text for chunk in chat.send_message_stream("And now?")) == TEXT
    assert [turn.role for turn in chat.get_history()].count("user") == 2


def test_stream(gem, side):
    chunks = stream(gem, f"{side}/fake-chat")
    assert "".join(chunk.text for chunk in chunks) == TEXT
    assert len(chunks) >= 7
    last = chunks[-1]
    assert last.candidates[0].finish_reason == types.FinishReason.STOP
    assert (last.usage_metadata.prompt_token_count, last.usage_metadata.candidates_token_count) == (21, 7)
    assert len({chunk.response_id for chunk in chunks}) == 1


def test_async(gem, side):
    async def collect():
        whole = await gem.aio.models.generate_content(model=f"{side}/fake-chat", contents=ASK)
        chunks = await gem.aio.models.generate_content_stream(model=f"{side}/fake-chat", contents=ASK)
        return whole.text, "".join([chunk.text async for chunk in chunks])

    assert asyncio.run(collect()) == (TEXT, TEXT)


@pytest.mark.parametrize(
    "scenario",
    [
        "fake-crlf",
        "fake-cr",
        "fake-no-space",
        "fake-byte-by-byte",
        "fake-comments",
        "fake-fields",
        "fake-heartbeat",
        "fake-no-done",
        "fake-gzip",
    ],
)
def test_streams_of_odd_upstreams(gem, side, scenario):
    chunks = stream(gem, f"{side}/{scenario}")
    assert "".join(chunk.text for chunk in chunks) == TEXT


@pytest.mark.parametrize("streamed", [False, True])
def test_tool_loop(gem, side, seen, streamed):
    model = f"{side}/fake-parallel-tools"
    config = {"tools": [declared()]}
    answers = stream(gem, model, **config) if streamed else ask(gem, model, **config)
    parts = parts_of(answers)
    calls = [part.function_call for part in parts if part.function_call]
    assert [call.args for call in calls] == [{"city": "Dunhuang"}, {"city": "Kashgar"}]
    results = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"result": "21"}))
        for call in calls
    ]
    turns = [types.UserContent(ASK), types.ModelContent(parts), types.Content(role="user", parts=results)]
    assert ask(gem, model, turns, **config).text == "It is 21 degrees in Dunhuang."
    (name, description, schema) = shapes.tools(side, seen("last")["body"])[0]
    assert (name, description, schema["required"]) == ("weather", "The weather in a city", ["city"])
    assert schema["type"].lower() == "object"


def test_automatic_function_calling(gem, side):
    """The library calls the function and sends what it returned, all by itself."""
    answer = ask(gem, f"{side}/fake-parallel-tools", tools=[weather])
    assert answer.text == "It is 21 degrees in Dunhuang."
    history = answer.automatic_function_calling_history
    given = [part.function_response.response for turn in history for part in turn.parts if part.function_response]
    assert given == [{"result": "21 degrees in Dunhuang"}, {"result": "21 degrees in Kashgar"}]
    # Where thoughts led to the call, what proves them must come back with its result.
    asked = {"tools": [weather], "thinking_config": {"include_thoughts": True}, "max_output_tokens": 4096}
    assert ask(gem, f"{side}/fake-signed-tools", **asked).text == "It is 21 degrees in Dunhuang."


@pytest.mark.parametrize("streamed", [False, True])
def test_tool_without_arguments(gem, side, streamed):
    model = f"{side}/fake-zero-arg"
    answers = stream(gem, model, tools=[NOW]) if streamed else ask(gem, model, tools=[NOW])
    (call,) = [part.function_call for part in parts_of(answers) if part.function_call]
    assert (call.name, call.args) == ("now", {})


@pytest.mark.parametrize(
    "mode, names, expected",
    [("AUTO", None, "auto"), ("ANY", None, "required"), ("NONE", None, "none"), ("ANY", ["weather"], "weather")],
)
def test_tool_choice(gem, side, seen, mode, names, expected):
    choice = {"function_calling_config": {"mode": mode, "allowed_function_names": names}}
    ask(gem, f"{side}/fake-tools", tools=[declared()], tool_config=choice)
    assert shapes.tool_choice(side, seen("last")["body"]) == expected


def test_response_schema(gem, side, seen):
    config = {"response_mime_type": "application/json", "response_schema": Place}
    answer = ask(gem, f"{side}/fake-json", **config)
    assert answer.parsed == Place(city="Dunhuang", degrees=21)
    schema = shapes.schema(side, seen("last")["body"])
    assert schema["required"] == ["city", "degrees"]
    kind = schema["properties"]["degrees"]["type"]
    assert kind == ("INTEGER" if side == "fake-gemini" else "integer")
    ask(gem, f"{side}/fake-json", response_mime_type="application/json", response_json_schema=Place.model_json_schema())
    assert shapes.schema(side, seen("last")["body"])["required"] == ["city", "degrees"]


def test_images(gem, side, seen):
    parts = [
        types.Part.from_text(text="What is this?"),
        types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png"),
        types.Part.from_uri(file_uri="https://example.com/gate.jpg", mime_type="image/jpeg"),
    ]
    assert ask(gem, f"{side}/fake-chat", parts).text == TEXT
    expected = [f"data:image/png;base64,{PIXEL}", "https://example.com/gate.jpg"]
    assert shapes.images(side, seen("last")["body"]) == expected


def test_inline_documents(gem, side, seen):
    document = types.Part.from_bytes(data=b"%PDF-1.4 gate", mime_type="application/pdf")
    assert ask(gem, f"{side}/fake-chat", ["What is this?", document]).text == TEXT
    assert base64.b64encode(b"%PDF-1.4 gate").decode() in str(seen("last")["body"])


def test_thinking(gem, side, seen):
    config = {"thinking_config": {"include_thoughts": True, "thinking_budget": 1024}, "max_output_tokens": 4096}
    model = f"{side}/fake-thinking"
    for answers in (ask(gem, model, **config), stream(gem, model, **config)):
        parts = parts_of(answers)
        assert "".join(part.text for part in parts if part.thought and part.text) == THOUGHTS
        assert "".join(part.text for part in parts if part.text and not part.thought) == TEXT
        body = seen("last")["body"]
        if side == "fake-anthropic":
            assert {"type": "enabled", "budget_tokens": 1024}.items() <= body["thinking"].items()
        if side in ("fake-openai", "fake-responses"):
            assert (body.get("reasoning_effort") or body["reasoning"]["effort"]) in ("low", "medium")
        # What was answered can be sent back; a proof of Google's own reaches Google.
        turns = [types.UserContent(ASK), types.ModelContent(parts), types.UserContent("And now?")]
        again = ask(gem, model, turns, **config)
        assert "".join(part.text for part in parts_of(again) if not part.thought) == TEXT
        if side == "fake-gemini":
            assert shapes.proofs(side, seen("last")["body"]) == [PROOF]
    usage = again.usage_metadata
    thoughts = 0 if side == "fake-anthropic" else 12
    assert (usage.candidates_token_count, usage.thoughts_token_count or 0) == (19 - thoughts, thoughts)


def test_finish_reasons(gem, side):
    assert ask(gem, f"{side}/fake-length").candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    refused = ask(gem, f"{side}/fake-refusal")
    assert refused.text == "I cannot help with that."


def test_cached_tokens(gem, side):
    usage = ask(gem, f"{side}/fake-cached").usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (1021, 800)


def test_logprobs(gem):
    for side in ("fake-gemini", "fake-openai", "fake-responses"):
        answer = ask(gem, f"{side}/fake-chat", response_logprobs=True)
        chosen = answer.candidates[0].logprobs_result.chosen_candidates
        assert chosen[0].log_probability == -0.25, side


def test_count_tokens(gem, side):
    counted = gem.models.count_tokens(model=f"{side}/fake-chat", contents=ASK).total_tokens
    assert counted == 42 if side == "fake-gemini" else 0 < counted < 100


def test_embed_content(gem):
    for provider in ("fake-gemini", "fake-openai"):
        for texts in ("a", ["a", "b"]):
            config = {"output_dimensionality": 4}
            answer = gem.models.embed_content(model=f"{provider}/fake-embed", contents=texts, config=config)
            assert [item.values for item in answer.embeddings] == [[-0.75, -0.5, -0.25, 0.0]] * len(texts)


def test_models(gem):
    names = [model.name for model in gem.models.list()]
    assert "models/smart" in names
    assert gem.models.get(model="smart").name == "models/smart"


def test_the_older_version_of_the_path():
    """Other libraries of Google's write `v1beta`."""
    options = types.HttpOptions(base_url=URL, api_version="v1beta")
    client = genai.Client(api_key="sk-yu-test-0123456789abcdefghijklmnop", http_options=options)
    assert ask(client, "smart").text == TEXT
    assert "".join(chunk.text for chunk in stream(client, "smart")) == TEXT


@pytest.mark.parametrize(
    "status, kind, word",
    [
        (400, errors.ClientError, "INVALID_ARGUMENT"),
        (403, errors.ClientError, "PERMISSION_DENIED"),
        (404, errors.ClientError, "NOT_FOUND"),
        (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
        (500, errors.ServerError, "INTERNAL"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_upstream_errors(gem, side, status, kind, word, streamed):
    with pytest.raises(kind) as caught:
        (stream if streamed else ask)(gem, f"{side}/fake-{status}")
    assert (caught.value.code, caught.value.status) == (status, word)
    assert f"fake upstream says {status}" in caught.value.message


def test_our_own_errors(gem):
    options = types.HttpOptions(base_url=URL)
    with pytest.raises(errors.ClientError) as caught:
        ask(genai.Client(api_key="sk-yu-wrong", http_options=options), "smart")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
    with pytest.raises(errors.ClientError) as caught:
        ask(gem, "fake-gemni/fake-chat")
    assert caught.value.code == 404 and "fake-gemini/fake-chat" in caught.value.message
    with pytest.raises(errors.ClientError) as caught:
        narrow = genai.Client(api_key="sk-yu-narrow-0123456789abcdefghijklmn", http_options=options)
        ask(narrow, "fake-gemini/fake-tools")
    assert (caught.value.code, caught.value.status) == (403, "PERMISSION_DENIED")


def test_errors_within_a_stream(gem, side):
    with pytest.raises(errors.APIError) as caught:
        stream(gem, f"{side}/fake-error-event")
    assert "fake upstream broke down" in str(caught.value)


def test_time_out(side, until):
    before = until(lambda counts: counts["open"] == 0)["aborted"]
    hasty = types.HttpOptions(base_url=URL, timeout=500, retry_options=types.HttpRetryOptions(attempts=1))
    client = genai.Client(api_key="sk-yu-test-0123456789abcdefghijklmnop", http_options=hasty)
    with pytest.raises(Exception) as caught:
        ask(client, f"{side}/fake-never-answers")
    assert "timed out" in str(caught.value).lower() or "timeout" in type(caught.value).__name__.lower()
    until(lambda counts: counts["aborted"] > before and counts["open"] == 0)


def test_cancellation(gem, side, until):
    before = until(lambda counts: counts["open"] == 0)["aborted"]
    chunks = gem.models.generate_content_stream(model=f"{side}/fake-hold", contents=ASK)
    # A sign of life may come first, as a text without words.
    assert next(chunks).text in ("", "Hello")
    chunks.close()
    until(lambda counts: counts["aborted"] > before and counts["open"] == 0)
