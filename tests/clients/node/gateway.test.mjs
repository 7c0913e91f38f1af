// Vercel's AI SDK with its own gateway provider, which speaks a protocol of its own, against every kind of upstream.

import assert from "node:assert/strict";
import test from "node:test";
import { GatewayError, createGateway } from "@ai-sdk/gateway";
import { embedMany, generateText, streamText } from "ai";
import { prompt, suite } from "./sdk.mjs";
import { KEY, PROOF, SIDES, TEXT, THOUGHTS, URL_, all, seen } from "./setup.mjs";

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

test("models", async () => {
  const { models } = await gateway.getAvailableModels();
  const smart = models.find((model) => model.id === "smart");
  assert.equal(smart.modelType, "language");
  assert.equal(smart.specification.specificationVersion, "v4");
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
