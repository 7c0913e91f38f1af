// Google's official library for Node (@google/genai) against every kind of upstream.

import assert from "node:assert/strict";
import test from "node:test";
import { ApiError, GoogleGenAI } from "@google/genai";
import { AFTER_TOOLS, CITY, KEY, PIXEL, PLACE, SIDES, TEXT, THOUGHTS, URL_, all, leaving, seen } from "./setup.mjs";

const contents = "What is it?";
const httpOptions = { baseUrl: URL_, timeout: 30_000 };
const client = new GoogleGenAI({ apiKey: KEY, httpOptions });
const tools = [{ functionDeclarations: [{ name: "weather", parametersJsonSchema: CITY }] }];
const parts = (answer) => answer.candidates?.[0].content?.parts ?? [];
const spoken = (answer) => parts(answer).filter((part) => !part.thought).map((part) => part.text ?? "").join("");

for (const side of SIDES) {
  test(`${side}: content`, async () => {
    const config = { systemInstruction: "Be brief.", temperature: 0.5, maxOutputTokens: 50 };
    const answer = await client.models.generateContent({ model: `${side}/fake-chat`, contents, config });
    assert.equal(answer.text, TEXT);
    assert.equal(answer.candidates[0].finishReason, "STOP");
    const { promptTokenCount, candidatesTokenCount, totalTokenCount } = answer.usageMetadata;
    assert.deepEqual([promptTokenCount, candidatesTokenCount, totalTokenCount], [21, 7, 28]);
  });

  test(`${side}: stream`, async () => {
    for (const scenario of ["fake-chat", "fake-crlf", "fake-comments", "fake-heartbeat", "fake-byte-by-byte"]) {
      const chunks = await all(await client.models.generateContentStream({ model: `${side}/${scenario}`, contents }));
      assert.equal(chunks.map(spoken).join(""), TEXT, scenario);
      assert.equal(chunks.at(-1).candidates[0].finishReason, "STOP");
      assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, 7);
    }
  });

  test(`${side}: tool loop`, async () => {
    const model = `${side}/fake-parallel-tools`;
    for (const streamed of [false, true]) {
      const asked = { model, contents, config: { tools } };
      const answers = streamed
        ? await all(await client.models.generateContentStream(asked))
        : [await client.models.generateContent(asked)];
      const said = answers.flatMap(parts);
      const calls = said.flatMap((part) => part.functionCall ?? []);
      assert.deepEqual(calls.map((call) => call.args), [{ city: "Dunhuang" }, { city: "Kashgar" }]);
      const results = calls.map(({ id, name }) => ({ functionResponse: { id, name, response: { result: "21" } } }));
      const turns = [
        { role: "user", parts: [{ text: contents }] },
        { role: "model", parts: said },
        { role: "user", parts: results },
      ];
      const last = await client.models.generateContent({ model, contents: turns, config: { tools } });
      assert.equal(last.text, AFTER_TOOLS);
    }
  });

  test(`${side}: structured output`, async () => {
    const config = { responseMimeType: "application/json", responseJsonSchema: PLACE };
    const answer = await client.models.generateContent({ model: `${side}/fake-json`, contents, config });
    assert.deepEqual(JSON.parse(answer.text), { city: "Dunhuang", degrees: 21 });
  });

  test(`${side}: images`, async () => {
    const turn = { role: "user", parts: [{ text: contents }, { inlineData: { mimeType: "image/png", data: PIXEL } }] };
    await client.models.generateContent({ model: `${side}/fake-chat`, contents: [turn] });
    assert.ok(JSON.stringify((await seen("last")).body).includes(PIXEL));
  });

  test(`${side}: thinking`, async () => {
    const config = { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } };
    const asked = { model: `${side}/fake-thinking`, contents, config };
    for (const answers of [
      [await client.models.generateContent(asked)],
      await all(await client.models.generateContentStream(asked)),
    ]) {
      const thoughts = answers.flatMap(parts).filter((part) => part.thought).map((part) => part.text ?? "");
      assert.equal(thoughts.join(""), THOUGHTS);
      assert.equal(answers.map(spoken).join(""), TEXT);
    }
  });

  test(`${side}: tokens`, async () => {
    const { totalTokens } = await client.models.countTokens({ model: `${side}/fake-chat`, contents });
    assert.ok(side === "fake-gemini" ? totalTokens === 42 : totalTokens > 0 && totalTokens < 100);
  });

  test(`${side}: errors`, async () => {
    for (const status of [400, 404, 429, 500]) {
      const model = `${side}/fake-${status}`;
      for (const method of ["generateContent", "generateContentStream"]) {
        await assert.rejects(client.models[method]({ model, contents }), (error) => {
          assert.ok(error instanceof ApiError);
          assert.equal(error.status, status);
          assert.match(error.message, new RegExp(`fake upstream says ${status}`));
          return true;
        });
      }
    }
    const broken = async () =>
      all(await client.models.generateContentStream({ model: `${side}/fake-error-event`, contents }));
    await assert.rejects(broken(), /fake upstream broke down/);
  });

  test(`${side}: cancellation`, async () => {
    await leaving(async () => {
      const gone = new AbortController();
      const config = { abortSignal: gone.signal };
      const stream = await client.models.generateContentStream({ model: `${side}/fake-hold`, contents, config });
      for await (const chunk of stream) {
        assert.ok(["", "Hello"].includes(spoken(chunk)));
        break;
      }
      gone.abort();
    });
  });
}

test("embeddings", async () => {
  for (const provider of ["fake-gemini", "fake-openai"]) {
    const asked = { model: `${provider}/fake-embed`, contents: ["a", "b"], config: { outputDimensionality: 4 } };
    const answer = await client.models.embedContent(asked);
    assert.deepEqual(answer.embeddings.map((item) => item.values), Array(2).fill([-0.75, -0.5, -0.25, 0]));
  }
});

test("models", async () => {
  const names = (await all(await client.models.list())).map((model) => model.name);
  assert.ok(names.includes("models/smart"), names.slice(0, 5).join());
});

test("our own errors", async () => {
  const stranger = new GoogleGenAI({ apiKey: "sk-yu-wrong", httpOptions });
  await assert.rejects(stranger.models.generateContent({ model: "smart", contents }), { status: 401 });
  await assert.rejects(client.models.generateContent({ model: "no-such-model", contents }), { status: 404 });
});
