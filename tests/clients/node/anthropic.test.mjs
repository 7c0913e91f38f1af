// The official Anthropic library for Node against every kind of upstream.

import assert from "node:assert/strict";
import test from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { AFTER_TOOLS, CITY, KEY, PIXEL, PLACE, PROOF, SIDES, TEXT, THOUGHTS, URL_, leaving, seen } from "./setup.mjs";

const messages = [{ role: "user", content: "What is it?" }];
const tools = [{ name: "weather", description: "The weather in a city", input_schema: CITY }];
const client = new Anthropic({ baseURL: URL_, apiKey: KEY, maxRetries: 0, timeout: 30_000 });
const ask = (model, more) => client.messages.create({ model, max_tokens: 2048, messages, ...more });
const text = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text).join("");

for (const side of SIDES) {
  test(`${side}: message`, async () => {
    const answer = await ask(`${side}/fake-chat`, { system: "Be brief." });
    assert.deepEqual([answer.type, answer.role, answer.stop_reason], ["message", "assistant", "end_turn"]);
    assert.equal(text(answer), TEXT);
    assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [21, 7]);
  });

  test(`${side}: stream`, async () => {
    for (const scenario of ["fake-chat", "fake-crlf", "fake-comments", "fake-byte-by-byte"]) {
      const stream = client.messages.stream({ model: `${side}/${scenario}`, max_tokens: 50, messages });
      let told = "";
      stream.on("text", (piece) => (told += piece));
      const final = await stream.finalMessage();
      assert.deepEqual([told, text(final), final.stop_reason], [TEXT, TEXT, "end_turn"], scenario);
      assert.deepEqual([final.usage.input_tokens, final.usage.output_tokens], [21, 7]);
    }
  });

  test(`${side}: tool loop`, async () => {
    const model = `${side}/fake-parallel-tools`;
    for (const streamed of [false, true]) {
      const asked = { model, max_tokens: 50, messages, tools };
      const first = streamed ? await client.messages.stream(asked).finalMessage() : await ask(model, { tools });
      const calls = first.content.filter((block) => block.type === "tool_use");
      assert.deepEqual(calls.map((call) => call.input), [{ city: "Dunhuang" }, { city: "Kashgar" }]);
      assert.equal(first.stop_reason, "tool_use");
      const results = calls.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: "21 degrees" }));
      const turns = [{ role: "assistant", content: first.content }, { role: "user", content: results }];
      assert.equal(text(await ask(model, { messages: [...messages, ...turns], tools })), AFTER_TOOLS);
    }
  });

  test(`${side}: tool runner`, async () => {
    // The library has conversations kept at the server, unasked; where that cannot be, it goes on without.
    const run = async ({ city }) => `21 degrees in ${city}`;
    const inputSchema = { ...CITY, additionalProperties: false };
    const weather = betaTool({ name: "weather", description: "The weather in a city", inputSchema, run });
    const thinking = { type: "enabled", budget_tokens: 1024 };
    for (const scenario of ["fake-parallel-tools", "fake-signed-tools"]) {
      const asked = { model: `${side}/${scenario}`, max_tokens: 2048, messages, tools: [weather], thinking };
      assert.equal(text(await client.beta.messages.toolRunner(asked).runUntilDone()), AFTER_TOOLS);
    }
  });

  test(`${side}: structured output`, async () => {
    const output_config = { format: { type: "json_schema", schema: PLACE } };
    const answer = await ask(`${side}/fake-json`, { output_config });
    assert.deepEqual(JSON.parse(text(answer)), { city: "Dunhuang", degrees: 21 });
  });

  test(`${side}: images`, async () => {
    const source = { type: "base64", media_type: "image/png", data: PIXEL };
    await ask(`${side}/fake-chat`, { messages: [{ role: "user", content: [{ type: "image", source }] }] });
    assert.ok(JSON.stringify((await seen("last")).body).includes(PIXEL));
  });

  test(`${side}: thinking`, async () => {
    const model = `${side}/fake-thinking`;
    const thinking = { type: "enabled", budget_tokens: 1024 };
    const asked = { model, max_tokens: 2048, messages, thinking };
    for (const answer of [await ask(model, { thinking }), await client.messages.stream(asked).finalMessage()]) {
      assert.deepEqual([answer.content[0].type, answer.content[0].thinking], ["thinking", THOUGHTS]);
      assert.equal(text(answer), TEXT);
      const turns = [{ role: "assistant", content: answer.content }, { role: "user", content: "And now?" }];
      assert.equal(text(await ask(model, { messages: [...messages, ...turns], thinking })), TEXT);
      const proven = JSON.stringify((await seen("last")).body).includes(PROOF);
      assert.equal(proven, side !== "fake-openai", "a proof reaches whoever gave it");
    }
  });

  test(`${side}: tokens`, async () => {
    const counted = (await client.messages.countTokens({ model: `${side}/fake-chat`, messages })).input_tokens;
    assert.ok(side === "fake-anthropic" ? counted === 42 : counted > 0 && counted < 100);
  });

  test(`${side}: errors`, async () => {
    const kinds = {
      400: Anthropic.BadRequestError,
      403: Anthropic.PermissionDeniedError,
      404: Anthropic.NotFoundError,
      429: Anthropic.RateLimitError,
      500: Anthropic.InternalServerError,
    };
    for (const [status, kind] of Object.entries(kinds)) {
      await assert.rejects(ask(`${side}/fake-${status}`, { stream: true }), (error) => {
        assert.ok(error instanceof kind, `${status}: ${error.constructor.name}`);
        assert.match(error.message, new RegExp(`fake upstream says ${status}`));
        return true;
      });
    }
    const stream = client.messages.stream({ model: `${side}/fake-error-event`, max_tokens: 50, messages });
    await assert.rejects(stream.finalMessage(), /fake upstream broke down/);
  });

  test(`${side}: cancellation`, async () => {
    await leaving(async () => {
      const stream = await ask(`${side}/fake-hold`, { stream: true });
      for await (const event of stream) {
        assert.equal(event.type, "message_start");
        break;
      }
    });
  });
}

test("models", async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.ok(names.includes("smart"));
});

test("our own errors", async () => {
  const stranger = new Anthropic({ baseURL: URL_, apiKey: "sk-yu-wrong", maxRetries: 0 });
  const asked = { model: "smart", max_tokens: 50, messages };
  await assert.rejects(stranger.messages.create(asked), Anthropic.AuthenticationError);
  await assert.rejects(ask("no-such-model"), Anthropic.NotFoundError);
});
