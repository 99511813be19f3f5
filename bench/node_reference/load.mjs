// The load: PAIRS visitors and as many agents over raw WebSockets (Engine.IO 4, Socket.IO 5), so that the client
// costs little. A message is timed from the visitor's send to its arrival in the event an agent's page draws.
//
//   node load.mjs PLAN.json       speaks JSON lines: each phase is told on stdout and waits for a line on stdin,
//                                 so that the caller can read the servers' clocks in between

import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const TEXT = "주문한 상품이 아직 도착하지 않았습니다. 배송이 어디까지 왔는지 확인 부탁드립니다. 급해요! 감사합니다 :)".padEnd(60, "가");
const LOOK_AGAIN = 25_000;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const hears = async () => JSON.parse((await lines.next()).value);
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const events = {};

class Client {
  constructor(number, namespace, auth, headers) {
    this.namespace = namespace;
    this.asked = new Map();
    this.next = 0;
    this.hears = () => {};
    // an address of its own for every few, as offices have
    const localAddress = `127.${1 + (number >> 14)}.${(number >> 6) & 255}.${1 + ((number % 64) >> 3)}`;
    this.ws = new WebSocket(`ws://127.0.0.1:${plan.port}/socket.io/?EIO=4&transport=websocket`, { localAddress, headers, perMessageDeflate: false });
    this.ready = new Promise((done, failed) => {
      this.ws.on("error", failed);
      this.ws.on("close", (code) => { if (!ending) { say({ phase: "lost", code, namespace }); process.exit(1); } });
      this.ws.on("message", (data) => this.hear(data.toString(), auth, done, failed));
    });
  }

  hear(text, auth, done, failed) {
    if (text[0] === "0") return this.ws.send(`40${this.namespace},${JSON.stringify(auth)}`);
    if (text === "2") return this.ws.send("3");
    const at = this.namespace.length + 3;
    if (text[1] === "0") return done(this);
    if (text[1] === "4") return failed(new Error(text));
    if (text[1] === "3") {
      const open = text.indexOf("[", at), id = Number(text.slice(at, open));
      this.asked.get(id)?.(JSON.parse(text.slice(open))[0]);
      this.asked.delete(id);
    } else if (text[1] === "2") {
      const name = text.slice(at + 2, text.indexOf('"', at + 2));
      events[name] = (events[name] ?? 0) + 1;
      this.hears(name, text, at);
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

const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0;
const middle = (values, name) => {
  const sorted = values.sort((a, b) => a - b);
  return { [`${name}50`]: percentile(sorted, 0.5), [`${name}95`]: percentile(sorted, 0.95), [`${name}99`]: percentile(sorted, 0.99), [`${name}max`]: sorted.at(-1) ?? 0 };
};

let ending = false;
let serial = 0;
const began = new Map();
let arrived = [], acknowledged = [], late = [];
let onArrival = () => {};

/** An agent's page draws a row: the number at the end of its words says which message it was. */
function drawn(words) {
  const number = Number(words.slice(words.lastIndexOf("#") + 1));
  const at = began.get(number);
  if (at === undefined) return;
  began.delete(number);
  arrived.push(performance.now() - at);
  onArrival();
}

function agentHears(name, text, at) {
  if (name === "rows") for (const row of JSON.parse(text.slice(at))[1].rows) { if (row.body) drawn(row.body); }
  else if (name === "item") drawn(JSON.parse(text.slice(at))[1].text);
}

function send(visitor) {
  const number = serial++, at = performance.now();
  began.set(number, at);
  return visitor.ask("message", { id: `bench-${String(number).padStart(10, "0")}`, text: `${TEXT} #${number}`, files: [] }).then((answer) => {
    if (!answer.ok) throw new Error(JSON.stringify(answer));
    acknowledged.push(performance.now() - at);
  });
}

function summary(phase, messages, seconds, loop) {
  say({
    phase, messages, seconds, arrived: arrived.length, events: { ...events },
    ...middle(arrived, "shown"), ...middle(acknowledged, "ack"), ...middle(late, "late"),
    loop99: loop.percentile(99) / 1e6, loopmax: loop.max / 1e6,
  });
  arrived = []; acknowledged = []; late = [];
  for (const name in events) delete events[name];
}

const visitors = await inBatches(plan.pairs, 50, (number) => new Client(number, "/chat", { token: null, inbox: plan.inbox, lang: "ko", number }).ready);
const agents = await inBatches(plan.pairs, 50, (number) => new Client(number, plan.agents, { number: -1 - number }, plan.cookies ? { cookie: plan.cookies[number] } : {}).ready);
for (const agent of agents) agent.hears = agentHears;
say({ phase: "connected", sockets: 2 * plan.pairs });

await hears();
for (const visitor of visitors) await send(visitor);
began.clear(); acknowledged = [];
say({ phase: "spoken" });

const { conversations } = await hears();
const looks = (at) => (plan.cookies ? ["look", { conversation: conversations[at], state: "viewing" }] : ["watch", { number: at }]);
for (let at = 0; at < plan.pairs; at++) await agents[at].ask(...looks(at));
if (plan.cookies) {
  let turn = 0; // as each page does, every 25 seconds
  setInterval(() => agents[turn % plan.pairs].ask(...looks(turn++ % plan.pairs)), LOOK_AGAIN / plan.pairs);
}
say({ phase: "seated" });

// as fast as it goes, a fixed number of messages under way
await hears();
let loop = monitorEventLoopDelay({ resolution: 5 });
loop.enable();
let start = performance.now(), turn = 0;
await Promise.all(
  Array.from({ length: plan.inFlight }, async () => {
    while (turn < plan.messages) await send(visitors[turn++ % plan.pairs]);
  }),
);
while (arrived.length < plan.messages) await new Promise((done) => (onArrival = done));
loop.disable();
summary("flood", plan.messages, (performance.now() - start) / 1000, loop);

// at a fixed rate, whether the server keeps up or not; `late` = behind the timetable, which is the load's own fault
const { pacedSeconds } = await hears();
if (pacedSeconds) {
  loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  start = performance.now();
  const paced = plan.rate * pacedSeconds, answers = [];
  for (let sent = 0; sent < paced; ) {
    const elapsed = performance.now() - start, due = Math.min(paced, Math.floor((elapsed / 1000) * plan.rate) + 1);
    while (sent < due) {
      late.push(performance.now() - start - (sent / plan.rate) * 1000);
      answers.push(send(visitors[(sent++ * 7) % plan.pairs]));
    }
    await new Promise((done) => setTimeout(done, 1));
  }
  await Promise.all(answers);
  while (arrived.length < paced) await new Promise((done) => (onArrival = done));
  loop.disable();
  summary("paced", paced, (performance.now() - start) / 1000, loop);
}
await hears();
ending = true;
process.exit(0);
