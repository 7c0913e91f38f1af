"""The official OpenAI library: pictures, speech, transcripts and moderations, each of which passes through."""

import base64

import openai
import pytest
from conftest import PIXEL, TEXT

MODEL = "fake-openai/fake-chat"
PNG = base64.b64decode(PIXEL)


def test_pictures(oai, seen):
    answer = oai.images.generate(model=MODEL, prompt="a gate", n=2, size="1024x1024")
    assert [picture.b64_json for picture in answer.data] == [PIXEL, PIXEL]
    assert (answer.usage.input_tokens, answer.usage.input_tokens_details.image_tokens) == (50, 40)
    last = seen("last")
    assert (last["path"], last["body"]["model"]) == ("/v1/images/generations", "fake-chat")


def test_streamed_pictures(oai):
    stream = oai.images.generate(model=MODEL, prompt="a gate", stream=True, partial_images=2)
    events = list(stream)
    partial = "image_generation.partial_image"
    assert [event.type for event in events] == [partial, partial, "image_generation.completed"]
    assert (events[-1].b64_json, events[-1].usage.output_tokens) == (PIXEL, 100)


def test_edits(oai, seen):
    images = [("a.png", PNG, "image/png"), ("b \u7389.png", PNG, "image/png")]
    answer = oai.images.edit(model=MODEL, prompt="a gate", image=images, mask=("m.png", PNG, "image/png"), n=1)
    assert answer.data[0].b64_json == PIXEL
    last = seen("last")
    assert last["path"] == "/v1/images/edits"
    assert last["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    events = list(oai.images.edit(model=MODEL, prompt="a gate", image=images[0], stream=True))
    assert events[-1].type == "image_edit.completed"


@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_speech(oai, format, tmp_path):
    ask = {"model": MODEL, "voice": "alloy", "input": "Hello", "response_format": format}
    assert oai.audio.speech.create(**ask).content.startswith(b"RIFF")
    file = tmp_path / "speech"
    with oai.audio.speech.with_streaming_response.create(**ask) as answer:
        assert answer.headers["content-type"].startswith("audio/")
        answer.stream_to_file(file)
    assert len(file.read_bytes()) == 844


def test_transcripts(oai):
    file = ("speech.wav", b"RIFF" + bytes(100_000), "audio/wav")
    plain = oai.audio.transcriptions.create(model=MODEL, file=file)
    assert (plain.text, plain.usage.type, plain.usage.seconds) == (TEXT, "duration", 9)
    verbose = oai.audio.transcriptions.create(model=MODEL, file=file, response_format="verbose_json")
    assert verbose.text == TEXT and 8.4 < verbose.duration < 8.5
    assert TEXT in oai.audio.transcriptions.create(model=MODEL, file=file, response_format="srt")
    assert oai.audio.translations.create(model=MODEL, file=file).text == TEXT
    events = list(oai.audio.transcriptions.create(model=MODEL, file=file, stream=True))
    assert "".join(event.delta for event in events if event.type == "transcript.text.delta") == TEXT
    assert (events[-1].type, events[-1].text, events[-1].usage.input_tokens) == ("transcript.text.done", TEXT, 14)


def test_moderations(oai):
    answer = oai.moderations.create(model=MODEL, input=["a", "b"])
    assert (answer.results[0].flagged, answer.results[0].category_scores.violence) == (False, 0.01)


def test_errors(oai):
    with pytest.raises(openai.RateLimitError) as limited:
        oai.audio.speech.create(model="fake-openai/fake-429", voice="alloy", input="x")
    assert limited.value.response.headers["retry-after"] == "7"
    with pytest.raises(openai.NotFoundError) as unknown:
        oai.audio.transcriptions.create(model="nobody", file=("a.wav", b"RIFF"))
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as cannot:
        oai.images.generate(model="fake-anthropic/fake-chat", prompt="a gate")
    assert "kind of request" in cannot.value.message
