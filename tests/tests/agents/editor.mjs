// What an editor with "OpenAI compatible" settings asks: the list of models, and streams with usage and tool calls.
//
// Base URL, key, model and the order for the tool come from the environment, where the test puts what the page says.

import assert from "node:assert/strict";
import OpenAI from "openai";

const { EDITOR_BASE_URL: baseURL, EDITOR_API_KEY: apiKey, EDITOR_MODEL: model, EDITOR_ORDER: order } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const listed = [];
for await (const entry of client.models.list()) listed.push(entry);
assert.ok(
  listed.some((entry) => entry.id === model),
  `${model} is not in the list`,
);

const parameters = { type: "object", properties: { path: { type: "string" } }, required: ["path"] };
const tools = [{ type: "function", function: { name: "read_file", description: "Reads a file", parameters } }];

async function ask(messages) {
  const stream = await client.chat.completions.create({
    model,
    messages,
    tools,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
  const answer = { role: "assistant", content: "" };
  let usage;
  for await (const chunk of stream) {
    usage = chunk.usage ?? usage;
    const delta = chunk.choices[0]?.delta ?? {};
    answer.content += delta.content ?? "";
    for (const piece of delta.tool_calls ?? []) {
      answer.tool_calls ??= [];
      const call = (answer.tool_calls[piece.index] ??= { id: "", type: "function", function: { name: "", arguments: "" } });
      call.id += piece.id ?? "";
      call.function.name += piece.function?.name ?? "";
      call.function.arguments += piece.function?.arguments ?? "";
    }
  }
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  assert.ok(usage.completion_tokens > 0);
  return answer;
}

const system = { role: "system", content: "You are an editor's assistant." };
console.log((await ask([system, { role: "user", content: [{ type: "text", text: "What is it?" }] }])).content);
const messages = [system, { role: "user", content: [{ type: "text", text: order }] }];
const called = await ask(messages);
const [call] = called.tool_calls;
assert.deepEqual([call.function.name, JSON.parse(call.function.arguments)], ["read_file", { path: "gate.txt" }]);
messages.push(called, { role: "tool", tool_call_id: call.id, content: "the gate opens at dawn" });
console.log((await ask(messages)).content);
