"""Ollama's official library against every kind of upstream."""

import asyncio

import ollama
import pytest
import shapes
from conftest import KEY, PIXEL, SIDES, TEXT, THOUGHTS, URL
from pydantic import BaseModel

ASK = [{"role": "user", "content": "What is it?"}]


@pytest.fixture(params=[*SIDES, "fake-ollama"])
def side(request):
    """The provider whose dialect the upstream speaks."""
    return request.param


class Place(BaseModel):
    city: str
    degrees: int


def weather(city: str) -> str:
    """The weather in a city.

    Args:
      city: Its name
    """
    return f"21 degrees in {city}"


def test_chat(oll, side, seen):
    options = {"temperature": 0.5, "num_predict": 50, "stop": ["END"]}
    system = {"role": "system", "content": "Be brief."}
    answer = oll.chat(f"{side}/fake-chat", [system, *ASK], options=options)
    assert answer.message.content == TEXT
    assert (answer.done, answer.done_reason) == (True, "stop")
    assert (answer.prompt_eval_count, answer.eval_count) == (21, 7)
    assert answer.total_duration > 0
    body = seen("last")["body"]
    assert (shapes.limit(side, body), shapes.temperature(side, body)) == (50, 0.5)
    assert shapes.system(side, body) == "Be brief."
    assert shapes.stop(side, body) == ([] if side == "fake-responses" else ["END"])


def test_stream(oll, side):
    pieces = list(oll.chat(f"{side}/fake-chat", ASK, stream=True))
    assert "".join(piece.message.content for piece in pieces) == TEXT
    assert [piece.done for piece in pieces].count(True) == 1
    last = pieces[-1]
    assert (last.done_reason, last.prompt_eval_count, last.eval_count) == ("stop", 21, 7)
    assert last.eval_duration > 0


def test_async(side):
    async def collect():
        client = ollama.AsyncClient(host=URL, headers={"Authorization": f"Bearer {KEY}"}, timeout=30)
        whole = await client.chat(f"{side}/fake-chat", ASK)
        pieces = await client.chat(f"{side}/fake-chat", ASK, stream=True)
        return whole.message.content, "".join([piece.message.content async for piece in pieces])

    assert asyncio.run(collect()) == (TEXT, TEXT)


@pytest.mark.parametrize(
    "scenario",
    ["fake-crlf", "fake-byte-by-byte", "fake-bundled", "fake-comments", "fake-heartbeat", "fake-no-final-blank", "fake-gzip"],
)
def test_streams_of_odd_upstreams(oll, side, scenario):
    pieces = oll.chat(f"{side}/{scenario}", ASK, stream=True)
    assert "".join(piece.message.content for piece in pieces) == TEXT


@pytest.mark.parametrize("streamed", [False, True])
def test_tool_loop(oll, side, seen, streamed):
    model, messages = f"{side}/fake-parallel-tools", list(ASK)
    answer = oll.chat(model, messages, tools=[weather], stream=streamed)
    for piece in answer if streamed else [answer]:
        if piece.message.tool_calls:
            messages.append(piece.message)
    calls = [call.function for turn in messages[1:] for call in turn.tool_calls]
    assert [(call.name, call.arguments) for call in calls] == [("weather", {"city": "Dunhuang"}), ("weather", {"city": "Kashgar"})]
    for call in calls:
        messages.append({"role": "tool", "content": weather(**call.arguments), "tool_name": call.name})
    assert shapes.tools(side, seen("last")["body"])[0][0] == "weather"
    assert oll.chat(model, messages, tools=[weather]).message.content == "It is 21 degrees in Dunhuang."


def test_thinking(oll, side):
    answer = oll.chat(f"{side}/fake-thinking", ASK, think=True)
    assert (answer.message.thinking, answer.message.content) == (THOUGHTS, TEXT)
    pieces = list(oll.chat(f"{side}/fake-thinking", ASK, think=True, stream=True))
    assert "".join(piece.message.thinking or "" for piece in pieces) == THOUGHTS


def test_schema(oll, side, seen):
    answer = oll.chat(f"{side}/fake-json", ASK, format=Place.model_json_schema())
    assert Place.model_validate_json(answer.message.content) == Place(city="Dunhuang", degrees=21)
    assert set(shapes.schema(side, seen("last")["body"])["properties"]) == {"city", "degrees"}


def test_pictures(oll, side, seen):
    oll.chat(f"{side}/fake-chat", [{**ASK[0], "images": [PIXEL]}])
    assert shapes.images(side, seen("last")["body"]) == [f"data:image/png;base64,{PIXEL}"]


def test_generate(oll, side, seen):
    answer = oll.generate(f"{side}/fake-chat", "What is it?", system="Be brief.", options={"num_predict": 50})
    assert (answer.response, answer.done_reason, answer.eval_count) == (TEXT, "stop", 7)
    if side != "fake-ollama":
        assert shapes.system(side, seen("last")["body"]) == "Be brief."
    pieces = list(oll.generate(f"{side}/fake-chat", "What is it?", stream=True))
    assert "".join(piece.response for piece in pieces) == TEXT
    assert pieces[-1].done and pieces[-1].prompt_eval_count == 21


def test_only_ollama_continues_between_two_texts(oll, seen):
    assert oll.generate("fake-ollama/fake-chat", "def f(", suffix="return").response == TEXT
    assert seen("last")["body"]["suffix"] == "return"
    with pytest.raises(ollama.ResponseError) as error:
        oll.generate("fake-openai/fake-chat", "def f(", suffix="return")
    assert error.value.status_code == 400 and "suffix" in error.value.error


@pytest.mark.parametrize("side", ["fake-openai", "fake-gemini", "fake-ollama"])
def test_embeddings(oll, side):
    several = oll.embed(f"{side}/fake-embed", ["a", "b"])
    assert [len(vector) for vector in several.embeddings] == [8, 8]
    one = oll.embed(f"{side}/fake-embed", "a")
    assert len(one.embeddings) == 1
    assert len(oll.embeddings(f"{side}/fake-embed", "a").embedding) == 8


def test_models(oll):
    names = [model.model for model in oll.list().models]
    assert "smart" in names and names == sorted(names)
    assert oll.show("smart").capabilities == ["completion", "tools"]
    assert oll.show("smart:latest").details.family == "unknown"
    assert oll.ps().models == []
    assert oll.chat("smart:latest", ASK).message.content == TEXT
    with pytest.raises(ollama.ResponseError) as error:
        oll.show("smarter")
    assert error.value.status_code == 404 and "smart" in error.value.error


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_errors(oll, side, status):
    for stream in [False, True]:
        with pytest.raises(ollama.ResponseError) as error:
            answer = oll.chat(f"{side}/fake-{status}", ASK, stream=stream)
            list(answer)
        assert error.value.status_code == status
        assert f"fake upstream says {status}" in error.value.error


def test_an_error_within_a_stream(oll, side):
    with pytest.raises(ollama.ResponseError, match="fake upstream broke down"):
        list(oll.chat(f"{side}/fake-error-event", ASK, stream=True))


def test_a_key_is_needed():
    with pytest.raises(ollama.ResponseError) as error:
        ollama.Client(host=URL).chat("fake-openai/fake-chat", ASK)
    assert error.value.status_code == 401
