// The official OpenAI library for Node: pictures, speech, transcripts and moderations, each of which passes through.

import assert from "node:assert/strict";
import test from "node:test";
import OpenAI, { toFile } from "openai";
import { KEY, PIXEL, TEXT, URL_, all, seen } from "./setup.mjs";

const model = "fake-openai/fake-chat";
const client = new OpenAI({ baseURL: `${URL_}/v1`, apiKey: KEY, maxRetries: 0, timeout: 30_000 });
const png = () => toFile(Buffer.from(PIXEL, "base64"), "a.png", { type: "image/png" });
const wav = () => toFile(Buffer.concat([Buffer.from("RIFF"), Buffer.alloc(100_000)]), "a.wav", { type: "audio/wav" });

test("pictures", async () => {
  const answer = await client.images.generate({ model, prompt: "a gate", n: 2 });
  assert.deepEqual(answer.data.map((picture) => picture.b64_json), [PIXEL, PIXEL]);
  const events = await all(await client.images.generate({ model, prompt: "a gate", stream: true }));
  assert.equal(events.at(-1).type, "image_generation.completed");
  assert.equal(events.at(-1).usage.output_tokens, 100);
});

test("edits", async () => {
  const image = [await png(), await png()];
  const answer = await client.images.edit({ model, prompt: "a gate", image });
  assert.equal(answer.data[0].b64_json, PIXEL);
  assert.match((await seen("last")).headers["content-type"], /^multipart\/form-data; boundary=/);
});

test("speech", async () => {
  const answer = await client.audio.speech.create({ model, voice: "alloy", input: "Hello", response_format: "wav" });
  assert.equal(answer.headers.get("content-type"), "audio/wav");
  const sound = Buffer.from(await answer.arrayBuffer());
  assert.equal(sound.subarray(0, 4).toString(), "RIFF");
  assert.equal(sound.length, 844);
});

test("transcripts", async () => {
  const answer = await client.audio.transcriptions.create({ model, file: await wav() });
  assert.equal(answer.text, TEXT);
  const text = await client.audio.transcriptions.create({ model, file: await wav(), response_format: "text" });
  assert.match(text, /\u7389\u95e8/);
  const events = await all(await client.audio.transcriptions.create({ model, file: await wav(), stream: true }));
  const deltas = events.filter((event) => event.type === "transcript.text.delta").map((event) => event.delta);
  assert.equal(deltas.join(""), TEXT);
  assert.equal((await client.audio.translations.create({ model, file: await wav() })).text, TEXT);
});

test("moderations", async () => {
  const answer = await client.moderations.create({ model, input: "a" });
  assert.equal(answer.results[0].flagged, false);
});

test("errors", async () => {
  await assert.rejects(client.images.generate({ model: "nobody", prompt: "a gate" }), (error) => {
    assert.equal(error.status, 404);
    assert.equal(error.code, "model_not_found");
    return true;
  });
});
