"""What every client test needs: clients of the gateway without retries, and a look at the fake upstream behind it.

The addresses and keys come from the environment, set by `tests/tests/clients.rs`.
"""

import json
import os
import time
import urllib.request

import anthropic
import openai
import pytest

URL = os.environ["YUMEN_URL"]
KEY = os.environ["YUMEN_KEY"]
SEEN = os.environ["YUMEN_UPSTREAM"] + "/_seen/"
TEXT = "Hello from the fake gate 玉门."
# One model name at an OpenAI-style and at an Anthropic-style upstream.
SIDES = ["fake-openai", "fake-anthropic"]
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
