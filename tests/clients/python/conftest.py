"""What every client test needs: clients of the gateway without retries, and a look at the fake upstream behind it.

The addresses and keys come from the environment, set by `tests/tests/clients.rs`.
"""

import json
import os
import time
import urllib.request

import anthropic
import ollama
import openai
import pytest
from google import genai

URL = os.environ["YUMEN_URL"]
KEY = os.environ["YUMEN_KEY"]
SEEN = os.environ["YUMEN_UPSTREAM"] + "/_seen/"
TEXT = "Hello from the fake gate 玉门."
# One provider for each dialect of upstreams; Ollama's, which can say less, stands before its own client only.
SIDES = ["fake-openai", "fake-responses", "fake-anthropic", "fake-gemini"]
THOUGHTS = "The gate is in the west."
# What proves the thoughts, in dialects that have proofs.
PROOF = "c2lnbmF0dXJlLW9mLXRoZS1nYXRl"
# One pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture(params=SIDES)
def side(request):
    """The provider whose dialect the upstream speaks."""
    return request.param


@pytest.fixture
def oai():
    return openai.OpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=0, timeout=30)


@pytest.fixture
def ant():
    return anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=30)


@pytest.fixture
def gem():
    options = genai.types.HttpOptions(base_url=URL, timeout=30_000)
    return genai.Client(api_key=KEY, http_options=options)


@pytest.fixture
def oll():
    return ollama.Client(host=URL, headers={"Authorization": f"Bearer {KEY}"}, timeout=30)


@pytest.fixture
def seen():
    """Reads what the fake upstream saw: `last` or `counts`."""

    def read(what):
        with urllib.request.urlopen(SEEN + what, timeout=30) as answer:
            return json.load(answer)

    return read


@pytest.fixture
def until(seen):
    """Polls the upstream's counts until they are as wanted."""

    def wait(wanted):
        deadline = time.monotonic() + 20
        while not wanted(counts := seen("counts")):
            assert time.monotonic() < deadline, counts
            time.sleep(0.01)
        return counts

    return wait
