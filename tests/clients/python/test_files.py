"""The official OpenAI library, its files and batches."""

import io

import openai
import pytest
from conftest import URL

LINES = b'{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {}}\n'


@pytest.fixture
def other():
    """A client with another key."""
    return openai.OpenAI(base_url=URL + "/v1", api_key="sk-yu-filing-0123456789abcdefghijklmn", max_retries=0, timeout=30)


def upload(client):
    return client.files.create(file=("lines.jsonl", io.BytesIO(LINES)), purpose="batch")


def test_a_file_from_its_upload_to_its_end(oai, other):
    made = upload(oai)
    assert (made.object, made.purpose, made.filename, made.bytes) == ("file", "batch", "lines.jsonl", len(LINES))
    assert oai.files.retrieve(made.id) == made
    assert oai.files.content(made.id).read() == LINES
    assert made in list(oai.files.list())
    with pytest.raises(openai.NotFoundError) as error:
        other.files.retrieve(made.id)
    assert error.value.code == "object_not_found"
    assert made.id not in [file.id for file in other.files.list()]
    assert oai.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        oai.files.retrieve(made.id)


def test_lists_are_paged_to_their_end(oai, other):
    mine = []
    for _ in range(3):
        mine.append(upload(oai).id)
        theirs = [upload(other).id for _ in range(3)]
    listed = [file.id for file in oai.files.list(limit=2)]
    assert listed[-3:] == mine and theirs[0] not in listed


def test_a_batch_from_its_input_to_its_results(oai, other):
    source = upload(oai)
    made = oai.batches.create(
        input_file_id=source.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"}
    )
    assert (made.status, made.input_file_id, made.metadata) == ("in_progress", source.id, {"a": "b"})
    done = oai.batches.retrieve(made.id)
    assert done.status == "completed"
    assert oai.files.content(done.output_file_id).text.startswith('{"custom_id"')
    assert made.id in [batch.id for batch in oai.batches.list(limit=1)]
    assert oai.batches.cancel(made.id).status == "cancelling"
    with pytest.raises(openai.NotFoundError):
        other.files.content(done.output_file_id)
    with pytest.raises(openai.NotFoundError):
        other.batches.create(input_file_id=source.id, endpoint="/v1/chat/completions", completion_window="24h")
