// The official OpenAI library for Node, its Chat Completions, against every kind of upstream.

import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";
import { CITY, KEY, PLACE, SIDES, TEXT, URL_, leaving } from "./setup.mjs";

const messages = [{ role: "user", content: "What is it?" }];
const tools = [{ type: "function", function: { name: "weather", parameters: CITY } }];
const client = new OpenAI({ baseURL: `${URL_}/v1`, apiKey: KEY, maxRetries: 0, timeout: 30_000 });

for (const side of SIDES) {
  test(`${side}: chat`, async () => {
    const answer = await client.chat.completions.create({ model: `${side}/fake-chat`, messages });
    assert.equal(answer.choices[0].message.content, TEXT);
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.equal(answer.usage.total_tokens, 28);
  });

  test(`${side}: stream`, async () => {
    const stream = await client.chat.completions.create({
      model: `${side}/fake-chat`,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, TEXT);
    assert.equal(usage.prompt_tokens, 21);
  });

  test(`${side}: streamed parallel tools`, async () => {
    const model = `${side}/fake-parallel-tools`;
    const final = await client.chat.completions.stream({ model, messages, tools }).finalChatCompletion();
    const [choice] = final.choices;
    assert.equal(choice.finish_reason, "tool_calls");
    const calls = choice.message.tool_calls.map((call) => call.function.arguments);
    assert.deepEqual(calls, ['{"city":"Dunhuang"}', '{"city":"Kashgar"}']);
  });

  test(`${side}: tool without arguments`, async () => {
    const now = [{ type: "function", function: { name: "now", parameters: { type: "object", properties: {} } } }];
    const model = `${side}/fake-zero-arg`;
    const final = await client.chat.completions.stream({ model, messages, tools: now }).finalChatCompletion();
    assert.equal(final.choices[0].message.tool_calls[0].function.arguments, "{}");
  });

  test(`${side}: tool loop`, async () => {
    const model = `${side}/fake-tools`;
    const first = await client.chat.completions.create({ model, messages, tools });
    const [call] = first.choices[0].message.tool_calls;
    const result = { role: "tool", tool_call_id: call.id, content: "21 degrees" };
    const again = [...messages, first.choices[0].message, result];
    const last = await client.chat.completions.create({ model, messages: again, tools });
    assert.equal(last.choices[0].message.content, "It is 21 degrees in Dunhuang.");
  });

  test(`${side}: structured output`, async () => {
    const answer = await client.chat.completions.create({
      model: `${side}/fake-json`,
      messages,
      response_format: { type: "json_schema", json_schema: { name: "place", strict: true, schema: PLACE } },
    });
    assert.deepEqual(JSON.parse(answer.choices[0].message.content), { city: "Dunhuang", degrees: 21 });
  });

  test(`${side}: upstream errors`, async () => {
    const kinds = {
      400: OpenAI.BadRequestError,
      404: OpenAI.NotFoundError,
      429: OpenAI.RateLimitError,
      500: OpenAI.InternalServerError,
    };
    for (const [status, kind] of Object.entries(kinds)) {
      const call = client.chat.completions.create({ model: `${side}/fake-${status}`, messages, stream: true });
      await assert.rejects(call, (error) => {
        assert.ok(error instanceof kind, `${status}: ${error.constructor.name}`);
        assert.match(error.message, new RegExp(`fake upstream says ${status}`));
        return true;
      });
    }
  });

  test(`${side}: time-out`, async () => {
    await leaving(async () => {
      const model = `${side}/fake-never-answers`;
      const call = client.chat.completions.create({ model, messages }, { timeout: 500 });
      await assert.rejects(call, OpenAI.APIConnectionTimeoutError);
    });
  });

  test(`${side}: cancellation`, async () => {
    await leaving(async () => {
      const stream = await client.chat.completions.create({ model: `${side}/fake-hold`, messages, stream: true });
      for await (const chunk of stream) {
        assert.equal(chunk.choices[0].delta.role, "assistant");
        break;
      }
    });
  });
}

test("embeddings", async () => {
  const answer = await client.embeddings.create({ model: "fake-openai/fake-embed", input: ["a", "b"] });
  assert.equal(answer.data.length, 2);
  assert.deepEqual([...answer.data[0].embedding].slice(0, 3), [-0.75, -0.5, -0.25]);
});

test("models", async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.ok(names.includes("smart"));
});

test("our own errors", async () => {
  const stranger = new OpenAI({ baseURL: `${URL_}/v1`, apiKey: "sk-yu-wrong", maxRetries: 0 });
  await assert.rejects(stranger.chat.completions.create({ model: "smart", messages }), OpenAI.AuthenticationError);
  const unknown = client.chat.completions.create({ model: "no-such-model", messages });
  await assert.rejects(unknown, OpenAI.NotFoundError);
});
