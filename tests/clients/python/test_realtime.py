"""The official OpenAI library's realtime sessions, with threads and with asyncio."""

import asyncio

import openai
import pytest
from conftest import KEY, TEXT, URL
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

MODEL = "fake-openai/fake-chat"


def respond(connection, word=""):
    connection.response.create(response={"instructions": word})
    events = []
    for event in connection:
        events.append(event)
        if event.type == "response.done":
            return events


def test_a_conversation(oai, seen):
    with oai.realtime.connect(model=MODEL) as connection:
        created = connection.recv()
        assert (created.type, created.session.model) == ("session.created", "fake-chat")
        connection.session.update(session={"type": "realtime", "model": MODEL, "instructions": "Be brief."})
        updated = connection.recv()
        assert (updated.type, updated.session.model) == ("session.updated", "fake-chat")
        connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
        )
        assert connection.recv().item.content[0].text == "Hello"
        connection.input_audio_buffer.append(audio="AAAA" * 1000)
        for word in ["", "in pieces"]:
            events = respond(connection, word)
            spoken = [event for event in events if event.type == "response.output_audio_transcript.delta"]
            assert "".join(event.delta for event in spoken) == TEXT
            usage = events[-1].response.usage
            assert (usage.input_tokens, usage.input_token_details.cached_tokens_details.audio_tokens) == (100, 20)
        last = seen("last")
        assert last["path"] == "/v1/realtime?model=fake-chat"
        assert last["headers"]["authorization"] == "Bearer upstream-openai-secret"


def test_with_asyncio(seen):
    async def talk():
        client = openai.AsyncOpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=0, timeout=30)
        async with client.realtime.connect(model=MODEL) as connection:
            assert (await connection.recv()).type == "session.created"
            await connection.response.create(response={"instructions": "close 4001"})
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
            return closed.value.rcvd.code

    assert asyncio.run(talk()) == 4001


def test_another_model_is_refused_in_words(oai):
    with oai.realtime.connect(model="smart-voice") as connection:
        assert connection.recv().session.model == "fake-chat"
        connection.session.update(session={"type": "realtime", "model": "fake-tools"}, event_id="mine")
        error = connection.recv()
        assert (error.type, error.error.code, error.error.event_id) == ("error", "invalid_request", "mine")
        assert respond(connection)[-1].response.status == "completed"


@pytest.mark.parametrize(("model", "status"), [("fake-openai/fake-429", 429), ("nobody", 404)])
def test_refusals_are_said_in_http(oai, model, status):
    with pytest.raises(InvalidStatus) as refused, oai.realtime.connect(model=model):
        pass
    assert refused.value.response.status_code == status


def test_a_page_in_a_browser(seen):
    offered = ["realtime", f"openai-insecure-api-key.{KEY}", "openai-beta.realtime-v1"]
    address = URL.replace("http", "ws") + f"/v1/realtime?model={MODEL}"
    with connect(address, subprotocols=offered) as socket:
        assert socket.subprotocol == "realtime"
        assert "session.created" in socket.recv()
        assert KEY not in str(seen("last"))
