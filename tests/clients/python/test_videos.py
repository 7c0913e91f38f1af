"""The official OpenAI library's videos: begun, waited for, fetched, made anew, listed and deleted."""

import base64

import openai
import pytest
from conftest import PIXEL

MODEL = "fake-openai/fake-chat"
PNG = base64.b64decode(PIXEL)


def test_a_video_from_its_prompt_to_its_end(oai, seen):
    made = oai.videos.create(model=MODEL, prompt="a gate", seconds="8", size="720x1280")
    assert (made.object, made.status, made.seconds) == ("video", "queued", "8")
    assert seen("last")["headers"]["authorization"] == "Bearer upstream-openai-secret"
    done = oai.videos.poll(made.id, poll_interval_ms=10)
    assert (done.status, done.progress, done.id) == ("completed", 100, made.id)
    content = oai.videos.download_content(made.id, variant="video")
    assert content.read().startswith(b"\0\0\0\x18ftyp")
    assert seen("last")["path"] == f"/v1/videos/{made.id}/content?variant=video"
    again = oai.videos.remix(made.id, prompt="at night")
    assert (again.remixed_from_video_id, again.prompt) == (made.id, "at night")
    assert {made.id, again.id} <= {video.id for video in oai.videos.list()}
    assert oai.videos.delete(again.id).deleted
    with pytest.raises(openai.NotFoundError) as gone:
        oai.videos.retrieve(again.id)
    assert gone.value.code == "object_not_found"


def test_a_picture_to_begin_with(oai):
    made = oai.videos.create_and_poll(
        model=MODEL, prompt="a gate", seconds="4", input_reference=("a.png", PNG, "image/png"), poll_interval_ms=10
    )
    assert made.status == "completed"


def test_refusals(oai):
    with pytest.raises(openai.RateLimitError):
        oai.videos.create(model="fake-openai/fake-429", prompt="a gate")
    with pytest.raises(openai.NotFoundError) as unknown:
        oai.videos.create(model="nobody", prompt="a gate")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as cannot:
        oai.videos.create(model="fake-anthropic/fake-chat", prompt="a gate")
    assert "kind of request" in cannot.value.message
