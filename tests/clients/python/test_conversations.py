"""The official OpenAI library, conversations that go on by the id of a response."""

import json

import openai
import pytest
from conftest import TEXT, URL

ASK = "Where is the gate?"


@pytest.fixture
def other():
    """A client with another key."""
    return openai.OpenAI(base_url=URL + "/v1", api_key="sk-yu-filing-0123456789abcdefghijklmn", max_retries=0, timeout=30)


def respond(client, streamed, **asked):
    if not streamed:
        return client.responses.create(**asked)
    with client.responses.stream(**asked) as events:
        return events.get_final_response()


# Of the last two nobody knows beforehand which of both providers answers; whoever does keeps the response itself.
@pytest.mark.parametrize("model", ["fake-openai/fake-chat", "fake-anthropic/fake-chat", "keeping", "keeping"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_conversation_from_its_beginning_to_its_end(oai, other, seen, model, streamed):
    first = respond(oai, streamed, model=model, input=ASK, instructions="Be brief.", store=True)
    assert first.store and first.status == "completed"
    second = respond(oai, streamed, model=model, input="And then?", previous_response_id=first.id, store=True)
    assert second.previous_response_id == first.id
    if model != "keeping":
        sent = json.dumps(seen("last")["body"], ensure_ascii=False)
        assert sent.index(ASK) < sent.index(TEXT) < sent.index("And then?")
        assert "Be brief." not in sent
    assert oai.responses.retrieve(second.id).output_text == second.output_text
    assert oai.responses.retrieve(second.id).id == second.id
    items = list(oai.responses.input_items.list(second.id, order="asc", limit=2))
    if model != "keeping":
        assert [item.content[0].text for item in items] == [ASK, TEXT, "And then?"]
    assert items[-1].role == "user" and all(item.id for item in items)
    with pytest.raises(openai.NotFoundError):
        other.responses.retrieve(second.id)
    with pytest.raises(openai.BadRequestError) as caught:
        other.responses.create(model=model, input="?", previous_response_id=second.id)
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")
    oai.responses.delete(second.id)
    for gone in (oai.responses.retrieve, oai.responses.delete, oai.responses.cancel):
        with pytest.raises(openai.NotFoundError):
            gone(second.id)
    with pytest.raises(openai.BadRequestError):
        oai.responses.create(model=model, input="?", previous_response_id=second.id)
    assert oai.responses.retrieve(first.id).id == first.id


def test_a_loop_over_tools_that_sends_results_alone(oai):
    tool = {"type": "function", "name": "weather", "strict": False, "parameters": {"type": "object", "properties": {}}}
    for side in ("fake-openai", "fake-anthropic", "fake-gemini"):
        model = f"{side}/fake-signed-tools"
        first = oai.responses.create(model=model, input=ASK, tools=[tool], store=True, reasoning={"effort": "low"})
        (call,) = [item for item in first.output if item.type == "function_call"]
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"}
        last = oai.responses.create(
            model=model, input=[result], tools=[tool], previous_response_id=first.id, reasoning={"effort": "low"}
        )
        assert last.output_text == "It is 21 degrees in Dunhuang."


def test_what_was_not_kept_cannot_go_on(oai):
    for store in (False, openai.omit):
        first = oai.responses.create(model="fake-anthropic/fake-chat", input=ASK, store=store)
        assert not first.store
        with pytest.raises(openai.BadRequestError) as caught:
            oai.responses.create(model="fake-anthropic/fake-chat", input="?", previous_response_id=first.id)
        assert "store: true" in caught.value.message
    with pytest.raises(openai.BadRequestError) as caught:
        oai.responses.create(model="fake-anthropic/fake-chat", input=ASK, background=True)
    assert caught.value.param == "background"
