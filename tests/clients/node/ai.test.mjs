// Vercel's AI SDK with OpenRouter's provider against every kind of upstream.

import assert from "node:assert/strict";
import test from "node:test";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { APICallError, embedMany, generateText, streamText } from "ai";
import { prompt, suite } from "./sdk.mjs";
import { KEY, SIDES, TEXT, THOUGHTS, URL_, all } from "./setup.mjs";

const provider = createOpenRouter({ baseURL: `${URL_}/api/v1`, apiKey: KEY, compatibility: "strict" });

const isError = (error, status) => {
  assert.ok(APICallError.isInstance(error), error);
  assert.equal(error.statusCode, status);
};
suite(provider.chat, isError, [400, 401, 404, 429, 500]);

for (const side of SIDES) {
  test(`${side}: cost`, async () => {
    const answer = await generateText({ model: provider.chat(`${side}/fake-chat`), prompt, maxRetries: 0 });
    assert.equal(answer.providerMetadata.openrouter.usage.cost, (21 * 1.5 + 7 * 6) / 1e6);
  });

  test(`${side}: reasoning`, async () => {
    const model = provider.chat(`${side}/fake-thinking`, { reasoning: { effort: "low" } });
    const answer = await generateText({ model, prompt, maxRetries: 0 });
    assert.deepEqual([answer.reasoningText, answer.text], [THOUGHTS, TEXT]);
    const stream = streamText({ model, prompt, maxRetries: 0 });
    await all(stream.fullStream);
    assert.deepEqual([await stream.reasoningText, await stream.text], [THOUGHTS, TEXT]);
  });
}

test("embeddings", async () => {
  const model = provider.textEmbeddingModel("fake-openai/fake-embed");
  const { embeddings } = await embedMany({ model, values: ["a", "b"], maxRetries: 0 });
  assert.equal(embeddings.length, 2);
});

test("our own errors", async () => {
  const stranger = createOpenRouter({ baseURL: `${URL_}/api/v1`, apiKey: "sk-yu-wrong" });
  const call = generateText({ model: stranger.chat("smart"), prompt, maxRetries: 0 });
  await assert.rejects(call, { statusCode: 401 });
});
