// OpenRouter's own library against every kind of upstream. It checks every answer against its schemas, so each test
// here is also one of what the gateway adds at `/api/v1`.

import assert from "node:assert/strict";
import test from "node:test";
import { OpenRouter } from "@openrouter/sdk";
import { AFTER_TOOLS, CITY, KEY, PLACE, SIDES, TEXT, THOUGHTS, URL_, all } from "./setup.mjs";

const messages = [{ role: "user", content: "What is it?" }];
const tools = [{ type: "function", function: { name: "weather", parameters: CITY } }];
const options = { serverURL: `${URL_}/api/v1`, retryConfig: { strategy: "none" }, timeoutMs: 30_000 };
const client = new OpenRouter({ apiKey: KEY, ...options });
const ask = (model, more) => client.chat.send({ chatRequest: { model, messages, ...more } });

for (const side of SIDES) {
  test(`${side}: chat`, async () => {
    const answer = await ask(`${side}/fake-chat`, { stream: false });
    assert.equal(answer.choices[0].message.content, TEXT);
    assert.equal(answer.choices[0].finishReason, "stop");
    assert.match(answer.id, /^gen-/);
    assert.deepEqual([answer.usage.promptTokens, answer.usage.completionTokens, answer.usage.totalTokens], [21, 7, 28]);
    assert.equal(answer.usage.cost, (21 * 1.5 + 7 * 6) / 1e6);
  });

  test(`${side}: stream`, async () => {
    for (const scenario of ["fake-chat", "fake-crlf", "fake-comments"]) {
      const chunks = await all(await ask(`${side}/${scenario}`, { stream: true }));
      assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), TEXT, scenario);
      const usage = chunks.findLast((chunk) => chunk.usage)?.usage;
      assert.deepEqual([usage.promptTokens, usage.completionTokens], [21, 7]);
      assert.ok(chunks.every((chunk) => chunk.id === chunks[0].id));
    }
  });

  test(`${side}: tool loop`, async () => {
    const model = `${side}/fake-parallel-tools`;
    const first = (await ask(model, { tools, stream: false })).choices[0];
    assert.equal(first.finishReason, "tool_calls");
    const calls = first.message.toolCalls;
    assert.deepEqual(calls.map((call) => call.function.arguments), ['{"city":"Dunhuang"}', '{"city":"Kashgar"}']);
    const results = calls.map(({ id }) => ({ role: "tool", toolCallId: id, content: "21 degrees" }));
    const turns = [...messages, { role: "assistant", content: null, toolCalls: calls }, ...results];
    const last = await ask(model, { messages: turns, tools, stream: false });
    assert.equal(last.choices[0].message.content, AFTER_TOOLS);
    const streamed = await all(await ask(model, { tools, stream: true }));
    const pieces = streamed.flatMap((chunk) => chunk.choices[0]?.delta.toolCalls ?? []);
    const told = ["", ""];
    pieces.forEach((piece) => (told[piece.index] += piece.function?.arguments ?? ""));
    assert.deepEqual(told, ['{"city":"Dunhuang"}', '{"city":"Kashgar"}']);
  });

  test(`${side}: structured output`, async () => {
    const responseFormat = { type: "json_schema", jsonSchema: { name: "place", strict: true, schema: PLACE } };
    const answer = await ask(`${side}/fake-json`, { responseFormat, stream: false });
    assert.deepEqual(JSON.parse(answer.choices[0].message.content), { city: "Dunhuang", degrees: 21 });
  });

  test(`${side}: reasoning`, async () => {
    const answer = await ask(`${side}/fake-thinking`, { reasoning: { effort: "low" }, stream: false });
    assert.equal(answer.choices[0].message.reasoning, THOUGHTS);
    assert.equal(answer.choices[0].message.content, TEXT);
  });

  test(`${side}: responses`, async () => {
    const model = `${side}/fake-chat`;
    const asked = { model, input: "What is it?" };
    const answer = await client.responses.send({ responsesRequest: { ...asked, stream: false } });
    const message = answer.output.find((item) => item.type === "message");
    assert.equal(message.content[0].text, TEXT);
    assert.equal(answer.usage.cost, (21 * 1.5 + 7 * 6) / 1e6);
    const events = await all(await client.responses.send({ responsesRequest: { ...asked, stream: true } }));
    assert.deepEqual(events.at(-1).response.usage, answer.usage);
    const deltas = events.filter((event) => event.type === "response.output_text.delta");
    assert.equal(deltas.map((event) => event.delta).join(""), TEXT);
  });

  test(`${side}: errors`, async () => {
    for (const [status, name] of Object.entries({
      400: "BadRequestResponseError",
      404: "NotFoundResponseError",
      429: "TooManyRequestsResponseError",
      500: "InternalServerResponseError",
    })) {
      for (const stream of [false, true]) {
        await assert.rejects(ask(`${side}/fake-${status}`, { stream }), (error) => {
          assert.deepEqual([error.name, error.statusCode], [name, Number(status)]);
          assert.match(error.message, new RegExp(`fake upstream says ${status}`));
          return true;
        });
      }
    }
    const broken = await all(await ask(`${side}/fake-error-event`, { stream: true }));
    assert.match(broken.at(-1).error.message, /fake upstream broke down/);
    assert.equal(broken.at(-1).choices[0].finishReason, "error");
  });
}

test("embeddings", async () => {
  const requestBody = { model: "fake-openai/fake-embed", input: ["a", "b"] };
  const answer = await client.embeddings.generate({ requestBody });
  assert.equal(answer.data.length, 2);
  const pages = await all(await client.embeddings.listModels({}));
  const models = pages.flatMap((page) => page.result?.data ?? page.data ?? []);
  assert.ok(models.every((model) => model.architecture.outputModalities.includes("embeddings")));
  assert.ok(models.some((model) => model.id === "google/gemini-embedding-001"));
});

test("a generation is looked up by its id", async () => {
  const { id } = await ask("fake-gemini/fake-chat", { stream: false });
  const { data } = await client.generations.getGeneration({ id });
  assert.deepEqual([data.id, data.tokensPrompt, data.tokensCompletion], [id, 21, 7]);
});

test("models are listed, counted and paged", async () => {
  const pages = await all(await client.models.list({ limit: 20 }));
  const listed = pages.flatMap((page) => page.result.data);
  const { data } = await client.models.count({});
  assert.deepEqual([listed.length, new Set(listed.map((model) => model.id)).size], [data.count, data.count]);
  const chat = listed.find((model) => model.id === "fake-openai/fake-chat");
  assert.deepEqual([chat.pricing.prompt, chat.pricing.completion], ["0.0000015", "0.000006"]);
  const own = await all(await client.models.listForUser({ bearer: KEY }, {}));
  assert.equal(own[0].result.totalCount, data.count);
  const found = await client.models.list({ q: "fake-chat", sort: "pricing-low-to-high", outputModalities: "all" });
  for await (const page of found) assert.ok(page.result.data.every((model) => model.id.includes("fake-chat")));
  await assert.rejects(client.models.list({ sort: "top-weekly" }), { name: "BadRequestResponseError" });
  const one = await client.models.get({ author: "fake-openai", slug: "fake-chat" });
  assert.deepEqual(one.data, chat);
});

test("deployments and providers are listed", async () => {
  const { data } = await client.endpoints.list({ author: "fake-anthropic", slug: "fake-chat" });
  assert.deepEqual(data.endpoints.map((endpoint) => endpoint.tag), ["fake-anthropic"]);
  assert.ok(data.endpoints[0].supportedParameters.includes("temperature"));
  await assert.rejects(client.endpoints.list({ author: "no", slug: "such" }), { name: "NotFoundResponseError" });
  // Nobody keeps what a server of one's own is told.
  const keptByNobody = (await client.endpoints.listZdrEndpoints({})).data.map((endpoint) => endpoint.tag);
  assert.deepEqual([...new Set(keptByNobody)], ["fake-ollama"]);
  const providers = (await client.providers.list({})).data.map((provider) => provider.slug);
  const fakes = ["anthropic", "bedrock", "gemini", "ollama", "openai", "responses"];
  assert.deepEqual(providers, [...fakes.map((name) => `fake-${name}`), "keeping-a", "keeping-b"]);
});

test("a key learns what it has cost", async () => {
  const before = (await client.apiKeys.getCurrentKeyMetadata({})).data;
  assert.deepEqual([before.label, before.limit, before.isManagementKey], ["test", null, false]);
  const { usage } = await ask("fake-openai/fake-chat", { stream: false });
  const { data } = await client.apiKeys.getCurrentKeyMetadata({});
  assert.ok(Math.abs(data.usage - before.usage - usage.cost) < 1e-9);
  assert.deepEqual((await client.credits.getCredits({})).data, { totalCredits: data.usage, totalUsage: data.usage });
});

test("our own errors", async () => {
  const stranger = new OpenRouter({ apiKey: "sk-yu-wrong", ...options });
  const asked = { chatRequest: { model: "smart", messages } };
  await assert.rejects(stranger.chat.send(asked), { name: "UnauthorizedResponseError" });
  await assert.rejects(ask("no-such-model"), { name: "NotFoundResponseError" });
});
