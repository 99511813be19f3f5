// Visitors and console pages that survive a dying server: node plug_client.mjs URL
// A visitor keeps the widget's rules (wire.ts, outgoing.ts, thread.ts), a page the console's (socket.ts, thread.ts).
// Commands are JSON lines on stdin; `report` and `full` answer with one JSON line.

import { createInterface } from "node:readline";
import { randomUUID } from "node:crypto";
import { io } from "socket.io-client";

const url = process.argv[2];
const calm = (ms) => new Promise((done) => setTimeout(done, ms));
const quick = { forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 400, timeout: 5000 };
const visitors = [];
const pages = [];
let writing = true;
const PATIENT = 12; // lines nobody has answered, after which a person waits

class Visitor {
  token = null; up = false; current = false; flushing = false; older = false;
  cursor = 0; live = 0; items = []; waiting = []; written = [];
  tries = 0; hellos = 0; busy = []; problems = [];

  constructor(name, transports) {
    this.name = name;
    const auth = (give) => give({ token: this.token, inbox: "demo", lang: "en" });
    this.socket = io(`${url}/chat`, { ...quick, transports, auth });
    this.socket.on("hello", (hello) => this.greeted(hello));
    this.socket.on("item", (item) => this.arrived(item));
    this.socket.on("disconnect", (why) => { this.lost(); if (why === "io server disconnect") setTimeout(() => this.socket.connect(), 200); });
    this.socket.on("connect_error", () => { this.lost(); if (!this.socket.active) setTimeout(() => this.socket.connect(), 500); });
  }

  lost() { this.up = this.current = false; this.live = 0; }

  async ask(what, value) {
    if (!this.up) return null;
    try { return await this.socket.timeout(10_000).emitWithAck(what, value); } catch { return null; }
  }

  greeted(hello) {
    if (this.token && !hello.known) this.problems.push("the server does not know its own token");
    this.token = hello.token;
    this.hellos += 1;
    this.up = true;
    void this.caughtUp();
  }

  async caughtUp() {
    if (await this.catchUp()) this.confirm();
    await this.flush();
  }

  async catchUp() {
    for (;;) {
      const page = await this.ask("since", { n: this.cursor });
      if (!page?.items) return false;
      if (page.resync) {
        this.items = this.items.filter((item) => item.n > page.n);
        this.older = page.older;
      }
      page.items.forEach((item) => this.put(item));
      this.cursor = page.n;
      if (!page.more) break;
    }
    this.current = true;
    this.cursor = Math.max(this.cursor, this.live);
    return true;
  }

  arrived(item) {
    this.put(item);
    this.live = Math.max(this.live, item.n);
    if (this.current) this.cursor = Math.max(this.cursor, item.n);
    this.confirm();
  }

  confirm() {
    clearTimeout(this.confirming);
    this.confirming = setTimeout(() => void this.ask("got", { n: this.cursor }), 60);
  }

  put(item) {
    const known = this.items.findIndex((one) => one.n === item.n);
    if (known >= 0) this.items[known] = item;
    else this.items.push(item);
    this.items.sort((a, b) => a.n - b.n);
  }

  say(text) {
    const one = { id: randomUUID(), text };
    this.written.push(text);
    this.waiting.push(one);
    void this.flush();
  }

  async flush() {
    if (this.flushing || !this.up) return;
    this.flushing = true;
    while (this.waiting.length && (await this.send(this.waiting[0])));
    this.flushing = false;
    if (this.waiting.length && this.up) setTimeout(() => void this.flush(), 300);
  }

  async send(one) {
    this.tries += 1;
    const answer = await this.ask("message", { ...one, files: [] });
    if (!answer) return false;
    if (!answer.ok) {
      (answer.retry_after ? this.busy : this.problems).push(`${answer.error}: ${answer.message}`);
      if (answer.retry_after) await calm(300);
      else this.waiting.shift();
      return !answer.retry_after;
    }
    this.waiting.shift();
    this.put({ n: answer.n, id: one.id, from: "visitor", name: "", text: one.text, files: [], at: answer.at });
    return true;
  }

  /** As a visitor who scrolls up to the first line. */
  async lookBack() {
    while (this.older) {
      const page = await this.ask("before", { n: this.items[0].n });
      page?.items?.forEach((item) => this.put(item));
      this.older = page?.items ? page.more : true;
      if (!page) await calm(100);
    }
  }

  /** The list a browser gets that knows nothing. */
  async fresh() {
    for (;;) {
      const found = await this.whole();
      if (found) return found;
      await calm(100);
    }
  }

  async whole() {
    let page = await this.ask("since", { n: 0 });
    if (!page?.items) return null;
    let items = page.items;
    while (items.length && (page = await this.ask("before", { n: items[0].n }))?.items?.length) items = [...page.items, ...items];
    return page?.items ? items : null;
  }

  async report() {
    while (this.waiting.length || !this.current) await calm(20);
    await this.catchUp();
    await this.lookBack();
    const { name, written, items, tries, hellos, busy, problems } = this;
    return { name, written, items, fresh: await this.fresh(), tries, hellos, busy, problems };
  }
}

class Page {
  head = 0; rows = new Set(); connects = 0; catching = false; again = false;

  constructor(cookie, conversation) {
    this.conversation = conversation;
    this.headers = { Cookie: cookie };
    this.socket = io(`${url}/desk`, { ...quick, transports: ["websocket", "polling"], extraHeaders: this.headers });
    this.socket.on("connect", () => {
      this.connects += 1;
      this.socket.emit("look", { conversation, state: "viewing" });
      void this.catchUp();
    });
    this.socket.on("disconnect", (why) => why === "io server disconnect" && this.socket.connect());
    this.socket.on("connect_error", () => this.socket.active || setTimeout(() => this.socket.connect(), 300));
    this.socket.on("rows", (told) => told.conversation === conversation && void this.catchUp());
  }

  async catchUp() {
    if (this.catching) { this.again = true; return; }
    this.catching = true;
    try {
      do { this.again = false; } while ((await this.ask()) || this.again);
    } catch { /* the line is down; the next connection asks again */ } finally { this.catching = false; }
    if (this.again) void this.catchUp();
  }

  async ask() {
    const headers = { ...this.headers, Accept: "application/json" };
    const answer = await fetch(`${url}/desk/conversations/${this.conversation}/rows?after=${this.head}`, { headers });
    if (!answer.ok) throw new Error(String(answer.status));
    const told = await answer.json();
    for (const [, number] of told.rows.matchAll(/data-row="(\d+)"/g)) this.rows.add(Number(number));
    this.head = told.after;
    return told.more;
  }

  report() {
    return { conversation: this.conversation, connects: this.connects, connected: this.socket.connected, head: this.head, rows: [...this.rows].sort((a, b) => a - b) };
  }
}

async function chatter(visitor, pause) {
  for (let number = 0; writing; number++) {
    visitor.say(`${visitor.name} ${number}`);
    do { await calm(pause * (0.5 + Math.random())); } while (writing && visitor.waiting.length >= PATIENT);
  }
}

const commands = {
  visit({ names, pause }) {
    names.forEach((name, at) => {
      visitors.push(new Visitor(name, at % 2 ? ["polling"] : ["websocket"]));
      void chatter(visitors.at(-1), pause);
    });
  },
  page({ cookie, conversation }) { pages.push(new Page(cookie, conversation)); },
  async say({ text }) { visitors.forEach((visitor) => visitor.say(text)); },
  hush() { writing = false; },
  async state() { return visitors.map(({ up, waiting, busy, problems, hellos }) => ({ up, waiting: waiting.length, busy, problems, hellos })); },
  async report() { return { visitors: await Promise.all(visitors.map((one) => one.report())), pages: pages.map((one) => one.report()) }; },
};

createInterface({ input: process.stdin }).on("line", async (line) => {
  const { do: what, ...facts } = JSON.parse(line);
  const answer = await commands[what](facts);
  if (answer !== undefined) process.stdout.write(JSON.stringify(answer) + "\n");
}).on("close", () => process.exit(0));
