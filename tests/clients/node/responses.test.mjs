// The official OpenAI library for Node, its Responses API, against every kind of upstream.

import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { AFTER_TOOLS, CITY, KEY, PIXEL, PROOF, SIDES, TEXT, THOUGHTS, URL_, all, leaving, seen } from "./setup.mjs";

const input = "What is it?";
const tools = [{ type: "function", name: "weather", strict: false, parameters: CITY }];
const client = new OpenAI({ baseURL: `${URL_}/v1`, apiKey: KEY, maxRetries: 0, timeout: 30_000 });

for (const side of SIDES) {
  test(`${side}: response`, async () => {
    const answer = await client.responses.create({ model: `${side}/fake-chat`, input, instructions: "Be brief." });
    assert.equal(answer.output_text, TEXT);
    assert.equal(answer.status, "completed");
    assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens], [21, 7, 28]);
  });

  test(`${side}: stream`, async () => {
    const events = await all(await client.responses.create({ model: `${side}/fake-chat`, input, stream: true }));
    const deltas = events.filter((event) => event.type === "response.output_text.delta");
    assert.equal(deltas.map((event) => event.delta).join(""), TEXT);
    assert.deepEqual(events.map((event) => event.sequence_number), [...events.keys()]);
    assert.equal(events.at(-1).type, "response.completed");
    // The library puts the events together and complains where one does not belong.
    const final = await client.responses.stream({ model: `${side}/fake-chat`, input }).finalResponse();
    assert.equal(final.output_text, TEXT);
  });

  test(`${side}: tool loop`, async () => {
    const model = `${side}/fake-parallel-tools`;
    for (const streamed of [false, true]) {
      const first = streamed
        ? await client.responses.stream({ model, input, tools }).finalResponse()
        : await client.responses.create({ model, input, tools });
      const calls = first.output.filter((item) => item.type === "function_call");
      assert.deepEqual(calls.map((call) => call.arguments), ['{"city":"Dunhuang"}', '{"city":"Kashgar"}']);
      const results = calls.map(({ call_id }) => ({ type: "function_call_output", call_id, output: "21 degrees" }));
      const again = [{ role: "user", content: input }, ...calls, ...results];
      const last = await client.responses.create({ model, input: again, tools });
      assert.equal(last.output_text, AFTER_TOOLS);
    }
  });

  test(`${side}: structured output`, async () => {
    const format = zodTextFormat(z.object({ city: z.string(), degrees: z.number().int() }), "place");
    const answer = await client.responses.parse({ model: `${side}/fake-json`, input, text: { format } });
    assert.deepEqual(answer.output_parsed, { city: "Dunhuang", degrees: 21 });
  });

  test(`${side}: images`, async () => {
    const content = [
      { type: "input_text", text: input },
      { type: "input_image", detail: "auto", image_url: `data:image/png;base64,${PIXEL}` },
    ];
    await client.responses.create({ model: `${side}/fake-chat`, input: [{ role: "user", content }] });
    assert.ok(JSON.stringify((await seen("last")).body).includes(PIXEL));
  });

  test(`${side}: reasoning`, async () => {
    const model = `${side}/fake-thinking`;
    const asked = { reasoning: { effort: "low", summary: "auto" }, include: ["reasoning.encrypted_content"] };
    const answer = await client.responses.create({ model, input, ...asked });
    const shown = answer.output.filter((item) => item.type === "reasoning" && item.summary.length > 0);
    assert.deepEqual(shown.map((item) => item.summary[0].text), [THOUGHTS]);
    const again = [{ role: "user", content: input }, ...answer.output, { role: "user", content: "And now?" }];
    const last = await client.responses.create({ model, input: again, ...asked });
    assert.equal(last.output_text, TEXT);
    const proven = JSON.stringify((await seen("last")).body).includes(PROOF);
    assert.equal(proven, side !== "fake-openai", "a proof reaches whoever gave it");
  });

  test(`${side}: errors`, async () => {
    const kinds = { 400: OpenAI.BadRequestError, 404: OpenAI.NotFoundError, 429: OpenAI.RateLimitError };
    for (const [status, kind] of Object.entries(kinds)) {
      const call = client.responses.create({ model: `${side}/fake-${status}`, input, stream: true });
      await assert.rejects(call, (error) => {
        assert.ok(error instanceof kind, `${status}: ${error.constructor.name}`);
        assert.match(error.message, new RegExp(`fake upstream says ${status}`));
        return true;
      });
    }
    const events = [];
    const broken = async () => {
      const stream = await client.responses.create({ model: `${side}/fake-error-event`, input, stream: true });
      for await (const event of stream) events.push(event);
    };
    // The library throws for an error by itself; a response that has failed is told as one.
    const thrown = await broken().then(() => undefined, (error) => error);
    const failed = events.find((event) => event.type === "response.failed" || event.type === "error");
    const message = thrown?.message ?? failed.response?.error.message ?? failed.message;
    assert.match(message, /fake upstream broke down/);
  });

  test(`${side}: cancellation`, async () => {
    await leaving(async () => {
      const stream = await client.responses.create({ model: `${side}/fake-hold`, input, stream: true });
      for await (const event of stream) {
        assert.equal(event.type, "response.created");
        break;
      }
    });
  });
}

for (const model of ["fake-openai/fake-chat", "fake-anthropic/fake-chat", "keeping", "keeping"]) {
  test(`${model}: a conversation that goes on by an id`, async () => {
    for (const streamed of [false, true]) {
      const respond = (asked) =>
        streamed ? client.responses.stream(asked).finalResponse() : client.responses.create(asked);
      const first = await respond({ model, input, store: true });
      const second = await respond({ model, input: "And then?", previous_response_id: first.id, store: true });
      assert.deepEqual([second.store, second.previous_response_id], [true, first.id]);
      const looked = await client.responses.retrieve(second.id);
      assert.deepEqual([looked.id, looked.status], [second.id, "completed"]);
      const items = await all(client.responses.inputItems.list(second.id, { order: "asc", limit: 2 }));
      if (model !== "keeping") {
        assert.deepEqual(items.map((item) => item.content[0].text), [input, TEXT, "And then?"]);
      }
      await client.responses.delete(second.id);
      await assert.rejects(client.responses.retrieve(second.id), OpenAI.NotFoundError);
      const again = client.responses.create({ model, input, previous_response_id: second.id });
      await assert.rejects(again, (error) => error.code === "previous_response_not_found");
    }
  });
}

test("what only the provider remembers is refused elsewhere", async () => {
  const asked = { model: "fake-gemini/fake-chat", input, previous_response_id: "resp_1" };
  await assert.rejects(client.responses.create(asked), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "previous_response_id");
    return true;
  });
});
