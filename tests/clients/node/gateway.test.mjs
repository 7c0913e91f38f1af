// Vercel's AI SDK with its own gateway provider, which speaks a protocol of its own, against every kind of upstream.

import assert from "node:assert/strict";
import test from "node:test";
import { GatewayError, createGateway } from "@ai-sdk/gateway";
import { embedMany, generateImage, generateSpeech, generateText, rerank, streamText, transcribe } from "ai";
import { prompt, suite } from "./sdk.mjs";
import { KEY, PIXEL, PROOF, SIDES, TEXT, THOUGHTS, URL_, all, seen } from "./setup.mjs";

const gateway = createGateway({ baseURL: `${URL_}/v4/ai`, apiKey: KEY });
const asked = (model, more) => ({ model: gateway(model), prompt, maxRetries: 0, ...more });

// Only some providers say that it is the model that was not found.
const KINDS = {
  400: /^invalid_request_error$/,
  404: /^(model_)?not_found$/,
  429: /^rate_limit_exceeded$/,
  500: /^internal_server_error$/,
};
const isError = (error, status) => {
  assert.ok(GatewayError.isInstance(error), error);
  assert.equal(error.statusCode, status);
  assert.match(error.type, KINDS[status]);
};
suite(gateway, isError, Object.keys(KINDS).map(Number));

for (const side of SIDES) {
  test(`${side}: who served it and what it cost`, async () => {
    const check = ({ cost, generationId, routing }) => {
      assert.equal(Number(cost), (21 * 1.5 + 7 * 6) / 1e6);
      assert.match(generationId, /^gen-/);
      assert.equal(routing.finalProvider, side);
    };
    const answer = await generateText(asked(`${side}/fake-chat`));
    check(answer.providerMetadata.gateway);
    const stream = streamText(asked(`${side}/fake-chat`));
    await all(stream.textStream);
    check((await stream.providerMetadata).gateway);
  });

  test(`${side}: a refused credential is said in the library's own words`, async () => {
    await assert.rejects(generateText(asked(`${side}/fake-401`)), { name: "GatewayAuthenticationError" });
  });

  test(`${side}: reasoning comes and goes back with its proof`, async () => {
    const model = gateway(`${side}/fake-thinking`);
    const answer = await generateText({ model, prompt, reasoning: "low", maxRetries: 0 });
    assert.deepEqual([answer.reasoningText, answer.text], [THOUGHTS, TEXT]);
    const stream = streamText({ model, prompt, reasoning: "low", maxRetries: 0 });
    await all(stream.fullStream);
    assert.deepEqual([await stream.reasoningText, await stream.text], [THOUGHTS, TEXT]);
    // Chat Completions proves nothing.
    if (side === "fake-openai") return;
    for (const messages of [answer.response.messages, (await stream.response).messages]) {
      const again = [{ role: "user", content: prompt }, ...messages, { role: "user", content: "And?" }];
      await generateText({ model, messages: again, maxRetries: 0 });
      assert.ok(JSON.stringify((await seen("last")).body).includes(PROOF), `${side} was not given its proof`);
    }
  });
}

test("fallbacks that a request names", async () => {
  const providerOptions = { gateway: { models: ["fake-anthropic/fake-chat"] } };
  const answer = await generateText(asked("fake-openai/fake-500", { providerOptions }));
  assert.equal(answer.providerMetadata.gateway.routing.finalProvider, "fake-anthropic");
});

test("embeddings", async () => {
  const model = gateway.embeddingModel("fake-openai/fake-embed");
  const { embeddings, usage } = await embedMany({ model, values: ["a", "b"], maxRetries: 0 });
  assert.equal(embeddings.length, 2);
  assert.ok(embeddings[0].every((number) => typeof number === "number"));
  assert.ok(usage.tokens > 0);
});

test("pictures", async () => {
  const model = gateway.imageModel("fake-openai/fake-chat");
  const { images, usage, warnings, providerMetadata } = await generateImage({
    model,
    prompt: "a gate",
    n: 2,
    size: "1024x1024",
    seed: 7,
    providerOptions: { openai: { quality: "low" } },
    maxRetries: 0,
  });
  assert.deepEqual(images.map((image) => image.base64), [PIXEL, PIXEL]);
  assert.deepEqual([usage.inputTokens, usage.outputTokens, usage.totalTokens], [50, 100, 150]);
  assert.deepEqual(warnings, [{ type: "unsupported", feature: "seed" }]);
  assert.equal(providerMetadata.gateway.routing.finalProvider, "fake-openai");
  const { body } = await seen("last");
  assert.deepEqual([body.n, body.size, body.quality], [2, "1024x1024", "low"]);
});

test("pictures from pictures", async () => {
  const model = gateway.imageModel("fake-openai/fake-chat");
  const picture = Buffer.from(PIXEL, "base64");
  const prompt = { text: "a gate", images: [picture, picture], mask: picture };
  const { image } = await generateImage({ model, prompt, maxRetries: 0 });
  assert.equal(image.base64, PIXEL);
  const { headers } = await seen("last");
  assert.match(headers["content-type"], /^multipart\/form-data; boundary=/);
});

test("rankings", async () => {
  const model = gateway.rerankingModel("fake-openai/fake-chat");
  const texts = await rerank({ model, documents: ["west", "east"], query: "where?", topN: 2, maxRetries: 0 });
  assert.deepEqual(texts.rerankedDocuments, ["east", "west"]);
  const objects = await rerank({ model, documents: [{ a: 1 }, { a: 2 }], query: "where?", maxRetries: 0 });
  assert.deepEqual(objects.rerankedDocuments, [{ a: 2 }, { a: 1 }]);
  assert.deepEqual((await seen("last")).body.documents, ['{"a":1}', '{"a":2}']);
});

test("speech and transcripts", async () => {
  const voice = gateway.speechModel("fake-openai/fake-chat");
  const { audio } = await generateSpeech({ model: voice, text: "Hello", outputFormat: "wav", maxRetries: 0 });
  assert.equal(Buffer.from(audio.uint8Array).subarray(0, 4).toString(), "RIFF");
  const ears = gateway.transcriptionModel("fake-openai/fake-chat");
  const transcript = await transcribe({ model: ears, audio: audio.uint8Array, maxRetries: 0 });
  assert.equal(transcript.text, TEXT);
});

test("errors of what is no conversation", async () => {
  const model = gateway.imageModel("no/such-model");
  await assert.rejects(generateImage({ model, prompt: "a gate", maxRetries: 0 }), (error) => {
    assert.deepEqual([error.statusCode, error.type, error.modelId], [404, "model_not_found", "no/such-model"]);
    return true;
  });
});

test("models", async () => {
  const { models } = await gateway.getAvailableModels();
  const smart = models.find((model) => model.id === "smart");
  assert.equal(smart.modelType, "language");
  assert.equal(smart.specification.specificationVersion, "v4");
});

test("what was used, and one generation of it", async () => {
  const before = await gateway.getCredits();
  const { providerMetadata } = await generateText(asked("fake-openai/fake-chat"));
  const { cost, generationId } = providerMetadata.gateway;
  const info = await gateway.getGenerationInfo({ id: generationId });
  assert.deepEqual([info.id, info.totalCost, info.finishReason], [generationId, Number(cost), "stop"]);
  assert.deepEqual([info.promptTokens, info.completionTokens, info.streamed], [21, 7, false]);
  const { balance, totalUsed } = await gateway.getCredits();
  assert.equal(balance, "0");
  assert.ok(Math.abs(Number(totalUsed) - Number(before.totalUsed) - Number(cost)) < 1e-9);
  const { images, providerMetadata: told } = await generateImage({
    model: gateway.imageModel("fake-openai/fake-chat"),
    prompt: "a gate",
    maxRetries: 0,
  });
  assert.equal(images.length, 1);
  const picture = await gateway.getGenerationInfo({ id: told.gateway.generationId });
  assert.deepEqual([picture.finishReason, picture.completionTokens], ["", 100]);
});

test("our own errors", async () => {
  const stranger = createGateway({ baseURL: `${URL_}/v4/ai`, apiKey: "sk-yu-wrong" });
  // The library says this one in words of its own.
  const call = generateText({ model: stranger("smart"), prompt, maxRetries: 0 });
  await assert.rejects(call, { name: "GatewayAuthenticationError" });
  await assert.rejects(generateText(asked("no/such-model")), (error) => {
    assert.deepEqual([error.statusCode, error.type, error.modelId], [404, "model_not_found", "no/such-model"]);
    return true;
  });
});
