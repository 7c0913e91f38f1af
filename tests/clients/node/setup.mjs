// What every client test needs: where the gateway is, who stands behind it, and a look at the fake upstream.
//
// The addresses and keys come from the environment, set by `tests/tests/clients.rs`.

import assert from "node:assert/strict";

export const { YUMEN_URL: URL_, YUMEN_KEY: KEY, YUMEN_UPSTREAM: UPSTREAM } = process.env;
export const TEXT = "Hello from the fake gate 玉门.";
export const THOUGHTS = "The gate is in the west.";
export const PROOF = "c2lnbmF0dXJlLW9mLXRoZS1nYXRl";
export const AFTER_TOOLS = "It is 21 degrees in Dunhuang.";
// One provider for each dialect of upstreams.
export const SIDES = ["fake-openai", "fake-responses", "fake-anthropic", "fake-gemini"];
// One pixel.
export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
// What the tool `weather` takes.
export const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
// What a structured answer looks like.
export const PLACE = {
  type: "object",
  properties: { city: { type: "string" }, degrees: { type: "integer" } },
  required: ["city", "degrees"],
  additionalProperties: false,
};

// What the fake upstream saw: `last` or `counts`.
export async function seen(what) {
  const answer = await fetch(`${UPSTREAM}/_seen/${what}`);
  return answer.json();
}

// Polls the upstream's counts until they are as wanted.
export async function until(wanted) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const counts = await seen("counts");
    if (wanted(counts)) return counts;
    assert.ok(Date.now() < deadline, JSON.stringify(counts));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// Runs `leave`, which leaves an answer early, and waits until the upstream has noticed.
export async function leaving(leave) {
  const before = (await until((counts) => counts.open === 0)).aborted;
  await leave();
  await until((counts) => counts.aborted > before && counts.open === 0);
}

// Everything that an asynchronous iterator gives.
export async function all(iterator) {
  const items = [];
  for await (const item of iterator) items.push(item);
  return items;
}
