// The load: PAIRS visitors and as many agents over raw WebSockets (Engine.IO 4, Socket.IO 5), so that the client
// costs little. Each message is timed from the visitor's send to the agent's receipt.
//
//   node load.mjs '{"port": 8000, "agents": "/bench", "pairs": 1000, ...}'   one JSON line per phase on stdout;
//   a phase waits for a line on stdin, so that the caller can read the server's CPU clock in between.

import { createInterface } from "node:readline";
import WebSocket from "ws";

const plan = JSON.parse(process.argv[2]);
const TEXT = "주문한 상품이 아직 도착하지 않았습니다. 배송이 어디까지 왔는지 확인 부탁드립니다. 급해요! 감사합니다 :)".padEnd(60, "가");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

class Client {
  constructor(number, namespace, auth) {
    this.namespace = namespace;
    this.asked = new Map();
    this.next = 0;
    this.heard = {};
    // an address of its own for every ten, as offices have
    const localAddress = `127.${1 + (number >> 14)}.${(number >> 6) & 255}.${1 + (number % 64 >> 3)}`;
    this.ws = new WebSocket(`ws://127.0.0.1:${plan.port}/socket.io/?EIO=4&transport=websocket`, { localAddress, perMessageDeflate: false });
    this.ready = new Promise((done, failed) => {
      this.ws.on("error", failed);
      this.ws.on("message", (data) => this.hear(data.toString(), auth, done, failed));
    });
  }

  hear(text, auth, done, failed) {
    if (text[0] === "0") return this.ws.send(`40${this.namespace},${JSON.stringify(auth)}`);
    if (text === "2") return this.ws.send("3");
    const body = text.slice(2 + this.namespace.length + 1);
    if (text[1] === "0") return done(this);
    if (text[1] === "4") return failed(new Error(body));
    if (text[1] === "3") {
      const at = body.indexOf("[");
      const id = Number(body.slice(0, at));
      this.asked.get(id)?.(JSON.parse(body.slice(at))[0]);
      this.asked.delete(id);
    } else if (text[1] === "2") {
      const [name, data] = JSON.parse(body);
      this.heard[name]?.(data);
    }
  }

  ask(name, data) {
    const id = this.next++;
    return new Promise((done) => {
      this.asked.set(id, done);
      this.ws.send(`42${this.namespace},${id}${JSON.stringify([name, data])}`);
    });
  }
}

async function inBatches(count, size, make) {
  const all = [];
  for (let at = 0; at < count; at += size) {
    all.push(...(await Promise.all(Array.from({ length: Math.min(size, count - at) }, (_, i) => make(at + i)))));
  }
  return all;
}

const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
const counter = { sent: 0 };
const began = new Map();
let arrived = [];
let onArrival = () => {};

function send(visitor) {
  const id = `bench-${String(counter.sent++).padStart(10, "0")}`;
  began.set(id, performance.now());
  return visitor.ask("message", { id, text: TEXT, files: [] }).then((answer) => {
    if (!answer.ok) throw new Error(JSON.stringify(answer));
  });
}

function summary(phase, messages, seconds) {
  const sorted = arrived.sort((a, b) => a - b);
  say({ phase, messages, seconds, arrived: sorted.length, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: sorted.at(-1) });
  arrived = [];
}

const visitors = await inBatches(plan.pairs, 50, (number) => new Client(number, "/chat", { token: null, inbox: plan.inbox, lang: "ko", number }).ready);
const agents = await inBatches(plan.pairs, 50, (number) => new Client(number, plan.agents, { number: -1 - number }).ready);
for (const agent of agents) {
  agent.heard.item = ({ id }) => {
    arrived.push(performance.now() - began.get(id));
    began.delete(id);
    onArrival();
  };
}
for (let at = 0; at < plan.pairs; at++) {
  const answer = await visitors[at].ask("message", { id: `first-${String(at).padStart(6, "0")}`, text: TEXT, files: [] });
  if (!answer.ok) throw new Error(JSON.stringify(answer));
  await agents[at].ask("watch", { number: at, n: answer.n });
}
say({ phase: "connected", sockets: 2 * plan.pairs });

// as fast as it goes, 50 messages under way
await lines.next();
let start = performance.now();
let turn = 0;
await Promise.all(
  Array.from({ length: plan.inFlight }, async () => {
    while (turn < plan.messages) await send(visitors[turn++ % plan.pairs]);
  }),
);
while (arrived.length < plan.messages) await new Promise((done) => (onArrival = done));
summary("flood", plan.messages, (performance.now() - start) / 1000);

// at a fixed rate, whether the server keeps up or not
await lines.next();
start = performance.now();
const paced = plan.rate * plan.pacedSeconds;
const answers = [];
for (let sent = 0; sent < paced; ) {
  const due = Math.min(paced, Math.floor(((performance.now() - start) / 1000) * plan.rate) + 1);
  while (sent < due) answers.push(send(visitors[(sent++ * 7) % plan.pairs]));
  await new Promise((done) => setTimeout(done, 1));
}
await Promise.all(answers);
while (arrived.length < paced) await new Promise((done) => (onArrival = done));
summary("paced", paced, (performance.now() - start) / 1000);
await lines.next();
process.exit(0);
