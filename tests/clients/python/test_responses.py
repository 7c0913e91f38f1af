"""The official OpenAI library, its Responses API, against every kind of upstream."""

import openai
import pytest
import shapes
from conftest import PIXEL, PROOF, TEXT, THOUGHTS
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

ASK = "What is it?"
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a city",
    "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
NOW = {"type": "function", "name": "now", "strict": False, "parameters": {"type": "object", "properties": {}}}
EVENT = TypeAdapter(ResponseStreamEvent)


class Place(BaseModel):
    city: str
    degrees: int


def ask(oai, model, **extra):
    """Asks; the answer must be what the library's own types say it is, nothing missing and nothing of another kind."""
    answer = oai.responses.create(model=model, input=extra.pop("input", ASK), **extra)
    Response.model_validate(answer.to_dict(), strict=False)
    return answer


def stream(oai, model, **extra):
    events = list(oai.responses.create(model=model, input=extra.pop("input", ASK), stream=True, **extra))
    for event in events:
        EVENT.validate_python(event.to_dict())
    assert [event.sequence_number for event in events] == list(range(len(events)))
    return events


def calls_of(answer):
    return [item for item in answer.output if item.type == "function_call"]


def test_response(oai, side, seen):
    raw = oai.responses.with_raw_response.create(
        model=f"{side}/fake-chat", input=ASK, instructions="Be brief.", temperature=0.5, max_output_tokens=50
    )
    answer = raw.parse()
    assert (answer.object, answer.status, answer.error) == ("response", "completed", None)
    assert answer.output_text == TEXT
    assert [item.type for item in answer.output] == ["message"]
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (21, 7, 28)
    assert raw.headers["x-generation-id"].startswith("gen-") and "x-yumen-lossy" not in raw.headers
    body = seen("last")["body"]
    assert (shapes.limit(side, body), shapes.temperature(side, body)) == (50, 0.5)
    assert shapes.system(side, body) == "Be brief."


def test_roles(oai, side, seen):
    turns = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "message", "role": "assistant", "content": "Hello to you"},
        {"role": "user", "content": ASK},
    ]
    assert ask(oai, f"{side}/fake-chat", input=turns).output_text == TEXT
    assert shapes.system(side, seen("last")["body"]) == "Be brief."


def test_stream(oai, side):
    events = stream(oai, f"{side}/fake-chat")
    # An upstream's sign of life is told as one more `in_progress`.
    quiet = ("response.output_text.delta", "response.in_progress")
    assert events[1].type == "response.in_progress"
    assert [event.type for event in events if event.type not in quiet] == [
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT
    final = events[-1].response
    assert (final.output_text, final.usage.input_tokens, final.usage.output_tokens) == (TEXT, 21, 7)
    assert events[0].response.id == final.id


@pytest.mark.parametrize("scenario", ["fake-crlf", "fake-byte-by-byte", "fake-comments", "fake-no-done", "fake-gzip"])
def test_streams_of_odd_upstreams(oai, side, scenario):
    with oai.responses.stream(model=f"{side}/{scenario}", input=ASK) as events:
        assert events.get_final_response().output_text == TEXT


def test_tool_loop(oai, side, seen):
    model = f"{side}/fake-parallel-tools"
    first = ask(oai, model, tools=[WEATHER])
    calls = calls_of(first)
    assert [call.arguments for call in calls] == ['{"city":"Dunhuang"}', '{"city":"Kashgar"}']
    assert len({call.call_id for call in calls}) == 2
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"} for call in calls]
    last = ask(oai, model, tools=[WEATHER], input=[{"role": "user", "content": ASK}, *first.output, *results])
    assert last.output_text == "It is 21 degrees in Dunhuang."
    function = (WEATHER["name"], WEATHER["description"], WEATHER["parameters"])
    assert shapes.tools(side, seen("last")["body"]) == [function]


def test_streamed_tools(oai, side):
    events = stream(oai, f"{side}/fake-parallel-tools", tools=[WEATHER])
    whole = [event.arguments for event in events if event.type == "response.function_call_arguments.done"]
    assert whole == ['{"city":"Dunhuang"}', '{"city":"Kashgar"}']
    assert [call.arguments for call in calls_of(events[-1].response)] == whole
    pieces = {}
    for event in events:
        if event.type == "response.function_call_arguments.delta":
            pieces[event.output_index] = pieces.get(event.output_index, "") + event.delta
    assert list(pieces.values()) == whole


@pytest.mark.parametrize("streamed", [False, True])
def test_tool_without_arguments(oai, side, streamed):
    model = f"{side}/fake-zero-arg"
    answer = stream(oai, model, tools=[NOW])[-1].response if streamed else ask(oai, model, tools=[NOW])
    (call,) = calls_of(answer)
    assert (call.name, call.arguments) == ("now", "{}")


@pytest.mark.parametrize("choice", ["auto", "required", "none", {"type": "function", "name": "weather"}])
def test_tool_choice(oai, side, seen, choice):
    ask(oai, f"{side}/fake-tools", tools=[WEATHER], tool_choice=choice)
    expected = choice if isinstance(choice, str) else "weather"
    assert shapes.tool_choice(side, seen("last")["body"]) == expected


def test_custom_tools_take_text(oai, side, seen):
    """Elsewhere such a tool is a function with one text, and comes back as what it was."""
    tools = [{"type": "custom", "name": "weather", "description": "The weather in a city"}]
    answer = ask(oai, f"{side}/fake-tools", tools=tools)
    if side == "fake-responses":
        assert seen("last")["body"]["tools"] == tools
    else:
        (call,) = answer.output
        assert (call.type, call.name) == ("custom_tool_call", "weather")


def test_parse(oai, side, seen):
    answer = oai.responses.parse(model=f"{side}/fake-json", input=ASK, text_format=Place)
    assert answer.output_parsed == Place(city="Dunhuang", degrees=21)
    assert shapes.schema(side, seen("last")["body"])["required"] == ["city", "degrees"]
    with oai.responses.stream(model=f"{side}/fake-json", input=ASK, text_format=Place) as events:
        assert events.get_final_response().output_parsed == Place(city="Dunhuang", degrees=21)


def test_images(oai, side, seen):
    parts = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PIXEL}"},
        {"type": "input_image", "detail": "auto", "image_url": "https://example.com/gate.jpg"},
    ]
    ask(oai, f"{side}/fake-chat", input=[{"role": "user", "content": parts}])
    expected = [f"data:image/png;base64,{PIXEL}", "https://example.com/gate.jpg"]
    assert shapes.images(side, seen("last")["body"]) == expected


def test_reasoning(oai, side, seen):
    asked = {
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    model = f"{side}/fake-thinking"
    whole = ask(oai, model, **asked)
    streamed = stream(oai, model, **asked)
    thoughts = [event.delta for event in streamed if event.type == "response.reasoning_summary_text.delta"]
    assert "".join(thoughts) == THOUGHTS
    for answer in (whole, streamed[-1].response):
        shown = [item for item in answer.output if item.type == "reasoning" and item.summary]
        assert [item.summary[0].text for item in shown] == [THOUGHTS]
        assert answer.output_text == TEXT
        # What was answered can be sent back, and its proof reaches whoever gave it.
        again = [{"role": "user", "content": ASK}, *answer.output, {"role": "user", "content": "And now?"}]
        assert ask(oai, model, input=again, **asked).output_text == TEXT
        assert shapes.proofs(side, seen("last")["body"]) == ([] if side == "fake-openai" else [PROOF])
    usage = whole.usage
    expected = 0 if side == "fake-anthropic" else 12
    assert (usage.output_tokens, usage.output_tokens_details.reasoning_tokens) == (19, expected)


def test_cached_tokens(oai, side):
    usage = ask(oai, f"{side}/fake-cached").usage
    assert (usage.input_tokens, usage.input_tokens_details.cached_tokens) == (1021, 800)


def test_logprobs(oai):
    answer = ask(oai, "fake-responses/fake-chat", include=["message.output_text.logprobs"], top_logprobs=0)
    assert answer.output[0].content[0].logprobs[0].logprob == -0.25
    crossed = ask(oai, "fake-openai/fake-chat", include=["message.output_text.logprobs"])
    assert crossed.output[0].content[0].logprobs[0].logprob == -0.25


@pytest.mark.parametrize("streamed", [False, True])
def test_incomplete_answers(oai, side, streamed):
    model = f"{side}/fake-length"
    events = stream(oai, model) if streamed else []
    answer = events[-1].response if streamed else ask(oai, model)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert not streamed or events[-1].type == "response.incomplete"
    assert answer.output_text == "Hello from"


@pytest.mark.parametrize("streamed", [False, True])
def test_refusals(oai, side, streamed):
    model = f"{side}/fake-refusal"
    answer = stream(oai, model)[-1].response if streamed else ask(oai, model)
    (part,) = answer.output[0].content
    assert (getattr(part, "refusal", None) or part.text) == "I cannot help with that."
    if side in ("fake-openai", "fake-responses"):
        assert (part.type, answer.status) == ("refusal", "completed")
    else:
        assert answer.incomplete_details.reason == "content_filter"


@pytest.mark.parametrize("field", [{"previous_response_id": "resp_1"}, {"conversation": "conv_1"}])
def test_what_only_the_provider_remembers(oai, side, field):
    """Elsewhere the conversation would silently begin anew, and what nobody here has asked for is nobody's."""
    if side == "fake-responses" and "conversation" in field:
        with pytest.raises(openai.NotFoundError) as caught:
            ask(oai, f"{side}/fake-chat", **field)
        assert caught.value.param == "conversation"
        return
    with pytest.raises(openai.BadRequestError) as caught:
        ask(oai, f"{side}/fake-chat", **field)
    assert caught.value.param == next(iter(field))
    assert "send the whole conversation" in caught.value.message


@pytest.mark.parametrize(
    "status, kind",
    [
        (400, openai.BadRequestError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_upstream_errors(oai, side, status, kind, streamed):
    with pytest.raises(kind) as caught:
        oai.responses.create(model=f"{side}/fake-{status}", input=ASK, stream=streamed)
    assert caught.value.status_code == status
    assert f"fake upstream says {status}" in caught.value.message


def test_our_own_errors(oai):
    with pytest.raises(openai.AuthenticationError):
        oai.with_options(api_key="sk-yu-wrong").responses.create(model="smart", input=ASK)
    with pytest.raises(openai.NotFoundError) as caught:
        ask(oai, "fake-respones/fake-chat")
    assert "fake-responses/fake-chat" in caught.value.message
    with pytest.raises(openai.BadRequestError) as caught:
        ask(oai, "fake-anthropic/fake-chat", input=7)
    assert caught.value.param == "input"


def test_errors_within_a_stream(oai, side):
    """The library raises for an error by itself; a response that has failed is told as one."""
    with pytest.raises(openai.APIError) as caught:
        for event in oai.responses.create(model=f"{side}/fake-error-event", input=ASK, stream=True):
            if event.type == "response.failed":
                assert event.response.status == "failed"
                raise openai.APIError(event.response.error.message, request=None, body=None)
            if event.type == "error":
                raise openai.APIError(event.message, request=None, body=None)
    assert "fake upstream broke down" in str(caught.value)


def test_time_out(oai, side, until):
    before = until(lambda counts: counts["open"] == 0)["aborted"]
    with pytest.raises(openai.APITimeoutError):
        ask(oai.with_options(timeout=0.5), f"{side}/fake-never-answers")
    until(lambda counts: counts["aborted"] > before and counts["open"] == 0)


def test_cancellation(oai, side, until):
    before = until(lambda counts: counts["open"] == 0)["aborted"]
    events = oai.responses.create(model=f"{side}/fake-hold", input=ASK, stream=True)
    assert next(iter(events)).type == "response.created"
    events.close()
    until(lambda counts: counts["aborted"] > before and counts["open"] == 0)
