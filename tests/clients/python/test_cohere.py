"""The official Cohere library, its rerankings in both versions."""

import cohere
import pytest
from conftest import KEY, URL

MODEL = "fake-openai/fake-chat"
DOCUMENTS = ["The gate is in the west.", "The sea is in the east."]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_rerank(version, seen):
    make = {"v1": cohere.Client, "v2": cohere.ClientV2}[version]
    client = make(api_key=KEY, base_url=URL, timeout=30)
    answer = client.rerank(model=MODEL, query="Where is the gate?", documents=DOCUMENTS, top_n=2)
    assert [result.index for result in answer.results] == [1, 0]
    assert answer.meta.billed_units.search_units == 1
    body = seen("last")["body"]
    assert (body["model"], body["documents"], body["top_n"]) == ("fake-chat", DOCUMENTS, 2)


def test_errors():
    client = cohere.ClientV2(api_key="sk-yu-nobody-0123456789abcdefghijkl", base_url=URL, timeout=30)
    with pytest.raises(cohere.UnauthorizedError):
        client.rerank(model=MODEL, query="q", documents=DOCUMENTS)
