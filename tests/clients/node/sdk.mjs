// What Vercel's AI SDK has to do through any of its providers: the same questions to every kind of upstream.

import assert from "node:assert/strict";
import test from "node:test";
import { Output, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { AFTER_TOOLS, PIXEL, SIDES, TEXT, all, leaving, seen } from "./setup.mjs";

export const prompt = "What is it?";
const place = z.object({ city: z.string(), degrees: z.number().int() });

function weather() {
  const cities = [];
  const execute = async ({ city }) => {
    cities.push(city);
    return `21 degrees in ${city}`;
  };
  const inputSchema = z.object({ city: z.string() });
  return { cities, tools: { weather: tool({ description: "The weather in a city", inputSchema, execute }) } };
}

// `chat` makes a model of a name, `isError` knows the provider's own errors of these statuses.
export function suite(chat, isError, statuses) {
  const asked = (model, more) => ({ model: chat(model), prompt, maxRetries: 0, ...more });
  for (const side of SIDES) {
    test(`${side}: text`, async () => {
      const answer = await generateText(asked(`${side}/fake-chat`));
      assert.deepEqual([answer.text, answer.finishReason], [TEXT, "stop"]);
      assert.deepEqual([answer.usage.inputTokens, answer.usage.outputTokens], [21, 7]);
    });

    test(`${side}: stream`, async () => {
      for (const scenario of ["fake-chat", "fake-crlf", "fake-comments", "fake-byte-by-byte"]) {
        const stream = streamText(asked(`${side}/${scenario}`));
        assert.equal((await all(stream.textStream)).join(""), TEXT, scenario);
        assert.equal(await stream.finishReason, "stop");
        const usage = await stream.usage;
        assert.deepEqual([usage.inputTokens, usage.outputTokens], [21, 7]);
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
      await generateText({ model: chat(`${side}/fake-chat`), messages, maxRetries: 0 });
      assert.ok(JSON.stringify((await seen("last")).body).includes(PIXEL));
    });

    test(`${side}: errors`, async () => {
      for (const status of statuses) {
        await assert.rejects(generateText(asked(`${side}/fake-${status}`)), (error) => {
          isError(error, status);
          assert.match(error.message, new RegExp(`fake upstream says ${status}`));
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
        const { stream } = await chat(`${side}/fake-hold`).doStream({ prompt: asking });
        const reader = stream.getReader();
        for (;;) {
          const { value } = await reader.read();
          if (value.type === "text-delta") break;
        }
        await reader.cancel();
      });
    });
  }
}
