// An MCP server on standard input and output with one tool, `weather`, for programs that bring such tools to the model.

import { createInterface } from "node:readline";

const inputSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const annotations = { readOnlyHint: true, destructiveHint: false, openWorldHint: false };
const tools = [{ name: "weather", description: "The weather in a city", inputSchema, annotations }];
const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "gate", version: "1" },
  }),
  "tools/list": () => ({ tools }),
  "tools/call": ({ arguments: { city } }) => ({ content: [{ type: "text", text: `21 degrees in ${city}` }] }),
  ping: () => ({}),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  const answer = answers[method];
  const error = { code: -32601, message: `no method ${method}` };
  console.log(JSON.stringify({ jsonrpc: "2.0", id, ...(answer ? { result: answer(params) } : { error }) }));
}
