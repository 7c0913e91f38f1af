// Vercel's AI SDK with its own gateway provider, which speaks a protocol of its own, against every kind of upstream.

import assert from "node:assert/strict";
import test from "node:test";
import { GatewayError, createGateway } from "@ai-sdk/gateway";
import { Output, embedMany, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { AFTER_TOOLS, KEY, PIXEL, SIDES, TEXT, THOUGHTS, URL_, all, leaving, seen } from "./setup.mjs";

const gateway = createGateway({ baseURL: `${URL_}/v4/ai`, apiKey: KEY });
const prompt = "What is it?";
const place = z.object({ city: z.string(), degrees: z.number().int() });
const asked = (model, more) => ({ model: gateway(model), prompt, maxRetries: 0, ...more });

function weather() {
  const cities = [];
  const execute = async ({ city }) => {
    cities.push(city);
    return `21 degrees in ${city}`;
  };
  const inputSchema = z.object({ city: z.string() });
  return { cities, tools: { weather: tool({ description: "The weather in a city", inputSchema, execute }) } };
}

for (const side of SIDES) {
  test(`${side}: text`, async () => {
    const answer = await generateText(asked(`${side}/fake-chat`));
    assert.deepEqual([answer.text, answer.finishReason], [TEXT, "stop"]);
    assert.deepEqual([answer.usage.inputTokens, answer.usage.outputTokens], [21, 7]);
    const { cost, generationId, routing } = answer.providerMetadata.gateway;
    assert.equal(Number(cost), (21 * 1.5 + 7 * 6) / 1e6);
    assert.match(generationId, /^gen-/);
    assert.equal(routing.finalProvider, side);
    assert.ok(Math.abs(Date.now() - answer.response.timestamp.getTime()) < 3600_000 * 24 * 365 * 30);
  });

  test(`${side}: stream`, async () => {
    for (const scenario of ["fake-chat", "fake-crlf", "fake-comments", "fake-byte-by-byte"]) {
      const stream = streamText(asked(`${side}/${scenario}`));
      assert.equal((await all(stream.textStream)).join(""), TEXT, scenario);
      assert.equal(await stream.finishReason, "stop");
      const usage = await stream.usage;
      assert.deepEqual([usage.inputTokens, usage.outputTokens], [21, 7]);
      assert.equal((await stream.providerMetadata).gateway.routing.finalProvider, side);
    }
  });

  test(`${side}: tool loop`, async () => {
    const model = `${side}/fake-parallel-tools`;
    const whole = weather();
    const answer = await generateText(asked(model, { tools: whole.tools, stopWhen: stepCountIs(3) }));
    assert.deepEqual([answer.text, whole.cities], [AFTER_TOOLS, ["Dunhuang", "Kashgar"]]);
    const piecewise = weather();
    const stream = streamText(asked(model, { tools: piecewise.tools, stopWhen: stepCountIs(3) }));
    await all(stream.fullStream);
    assert.deepEqual([await stream.text, piecewise.cities], [AFTER_TOOLS, ["Dunhuang", "Kashgar"]]);
  });

  test(`${side}: structured output`, async () => {
    const output = Output.object({ schema: place });
    const answer = await generateText(asked(`${side}/fake-json`, { output }));
    assert.deepEqual(answer.output, { city: "Dunhuang", degrees: 21 });
  });

  test(`${side}: images`, async () => {
    const content = [
      { type: "text", text: prompt },
      { type: "file", data: PIXEL, mediaType: "image/png" },
    ];
    const messages = [{ role: "user", content }];
    await generateText({ model: gateway(`${side}/fake-chat`), messages, maxRetries: 0 });
    assert.ok(JSON.stringify((await seen("last")).body).includes(PIXEL));
  });

  test(`${side}: reasoning comes and goes back with its proof`, async () => {
    const model = gateway(`${side}/fake-thinking`);
    const answer = await generateText({ model, prompt, reasoning: "low", maxRetries: 0 });
    assert.deepEqual([answer.reasoningText, answer.text], [THOUGHTS, TEXT]);
    const stream = streamText({ model, prompt, maxRetries: 0 });
    await all(stream.fullStream);
    assert.deepEqual([await stream.reasoningText, await stream.text], [THOUGHTS, TEXT]);
    const messages = [{ role: "user", content: prompt }, ...answer.response.messages, { role: "user", content: "And?" }];
    await generateText({ model, messages, maxRetries: 0 });
    const proofs = answer.reasoning.flatMap((part) => Object.values(part.providerMetadata ?? {}));
    const texts = proofs.flatMap((proof) => Object.values(proof)).filter((text) => text.length > 20);
    const sent = JSON.stringify((await seen("last")).body);
    for (const text of texts) assert.ok(sent.includes(text), `${text} is not in ${sent}`);
  });

  test(`${side}: errors`, async () => {
    for (const [status, type] of [
      [400, "invalid_request_error"],
      [404, "model_not_found"],
      [429, "rate_limit_exceeded"],
      [500, "internal_server_error"],
    ]) {
      await assert.rejects(generateText(asked(`${side}/fake-${status}`)), (error) => {
        assert.ok(GatewayError.isInstance(error), error);
        assert.equal(error.statusCode, status);
        assert.match(error.message, new RegExp(`fake upstream says ${status}`), type);
        return true;
      });
    }
    const parts = await all(streamText(asked(`${side}/fake-error-event`, { onError() {} })).fullStream);
    const told = parts.find((part) => part.type === "error");
    assert.match(JSON.stringify(told.error.message ?? told.error), /fake upstream broke down/);
  });

  test(`${side}: cancellation`, async () => {
    await leaving(async () => {
      // The provider's own stream: above it the library keeps promises that nobody here waits for.
      const asking = [{ role: "user", content: [{ type: "text", text: prompt }] }];
      const { stream } = await gateway(`${side}/fake-hold`).doStream({ prompt: asking });
      const reader = stream.getReader();
      for (;;) {
        const { value } = await reader.read();
        if (value.type === "text-delta") break;
      }
      await reader.cancel();
    });
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
