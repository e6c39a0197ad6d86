// A real small model behind OpenAI's protocol, for tests only: `node server.mjs MODEL.gguf SEEN.jsonl`.
// Prints its port. Every request's messages become a line of SEEN.jsonl, so that a test can tell what the model read.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { getLlama, LlamaChatSession } from "node-llama-cpp";

const [modelPath, seenPath] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath });
// One thread: more of them wait for each other when the machine is busy.
const SLOTS = 4;
const context = await model.createContext({ sequences: SLOTS, contextSize: 2048, threads: 1 });
const free = Array.from({ length: SLOTS }, () => context.getSequence());
const waiting = [];

const take = () => (free.length ? free.pop() : new Promise((resolve) => waiting.push(resolve)));
const giveBack = (sequence) => (waiting.length ? waiting.shift()(sequence) : free.push(sequence));

function history(messages) {
  return messages.map(({ role, content }) =>
    role === "assistant" ? { type: "model", response: [content ?? ""] } : { type: role === "system" ? "system" : "user", text: content ?? "" },
  );
}

async function answer({ messages, max_tokens: maxTokens = 48, temperature = 0 }, signal, onWords) {
  const sequence = await take();
  try {
    const session = new LlamaChatSession({ contextSequence: sequence, autoDisposeSequence: false });
    const last = messages.at(-1);
    session.setChatHistory(history(messages.slice(0, -1)));
    await session.prompt(last.content ?? "", { signal, stopOnAbortSignal: true, maxTokens, temperature, onTextChunk: onWords });
    session.dispose({ disposeSequence: false });
  } finally {
    giveBack(sequence);
  }
}

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const asked = JSON.parse(Buffer.concat(parts).toString());
  appendFileSync(seenPath, `${JSON.stringify(asked.messages)}\n`);
  const hungUp = new AbortController();
  response.on("close", () => hungUp.abort());
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  const say = (delta, finish = null) =>
    response.write(`data: ${JSON.stringify({ object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
  try {
    await answer(asked, hungUp.signal, (content) => say({ content }));
    say({}, "stop");
    response.end("data: [DONE]\n\n");
  } catch (error) {
    console.error(error);
    response.destroy();
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
