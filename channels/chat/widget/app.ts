/** The widget's mind: what is known, what is shown, what is said to the server. */

import { Keep } from "./keep";
import { Outgoing, type Unsent } from "./outgoing";
import type { Answer, Hello, Item, Presence } from "./protocol";
import { chime } from "./chime";
import { Thread } from "./thread";
import { Uploads } from "./upload";
import { Wire } from "./wire";
import type { Lang, Words } from "./words";

export interface Options {
  /** Address of the server, without a slash at the end. */
  base: string;
  inbox: string;
  lang: Lang;
  words: Words;
}

export class App {
  readonly words: Words;
  readonly lang: Lang;
  readonly keep: Keep;
  readonly session: Keep;
  readonly wire: Wire;
  readonly thread: Thread;
  readonly outgoing: Outgoing;
  readonly uploads: Uploads;
  hello: Hello | null = null;
  presence: Presence | null = null;
  /** How far an agent has read. */
  seen = 0;
  /** Who is writing to us. */
  typist: string | null = null;
  ended = false;
  /** What stands in the bar above the thread, when it is not the line itself. */
  notice: string | null = null;
  /** The line has been down long enough to say so. */
  down = false;
  /** The conversation is before the visitor's eyes. */
  watched = false;
  private quiet = 0;
  private writing = 0;
  private downTimer = 0;
  private page = "";

  constructor(
    readonly options: Options,
    private readonly show: () => void,
  ) {
    this.lang = options.lang;
    this.words = options.words;
    this.keep = new Keep(options.inbox);
    this.session = new Keep(options.inbox, true);
    const { origin, pathname } = new URL(options.base);
    this.wire = new Wire(origin, `${pathname.replace(/\/$/, "")}/socket.io`, () => this.introduction(), {
      hello: (hello) => this.greeted(hello),
      item: (item) => this.arrived(item),
      typing: (on, name) => this.typing(on, name),
      presence: (presence) => this.set({ presence }),
      seen: (n) => this.set({ seen: Math.max(this.seen, n) }),
      ended: () => this.set({ ended: true }),
      line: (up) => this.line(up),
      refused: (failure) => this.set({ notice: failure.message }),
    });
    this.thread = new Thread(this.session);
    this.outgoing = new Outgoing(this.keep, this.wire, {
      changed: () => this.show(),
      accepted: (unsent, answer) => this.accepted(unsent, answer.n, answer.at),
      wait: (notice) => this.set({ notice }),
    });
    this.uploads = new Uploads(`${options.base}/chat/files`, () => this.token(), () => this.hello?.limits, this.words, () => this.show());
    this.keep.onChange(() => this.show());
    // a visitor who has talked with us hears the answer on any page of the shop
    if (this.keep.get("talking") || this.outgoing.waiting() || this.sharing) void this.connect();
    setInterval(() => this.tellPage(), 2000);
  }

  /** Open the line. The first tab of a new visitor gets the token; the others wait for it. */
  async connect(): Promise<void> {
    if (this.keep.get("token")) return this.wire.open();
    return this.keep.alone("token", () => Promise.race([this.wire.open(), new Promise<void>((go) => setTimeout(go, 8000))]));
  }

  send(text: string): void {
    this.ended = false;
    this.outgoing.put(text, this.uploads.take());
    this.stopWriting();
    void this.connect();
  }

  /** Own words that the thread does not have yet. */
  pending(): Unsent[] {
    return this.outgoing.all().filter((unsent) => !this.thread.has(unsent.id));
  }

  unread(): number {
    const read = this.keep.get<number>("read") ?? 0;
    return this.thread.items.filter((item) => item.from === "agent" && item.n > read).length;
  }

  /** The visitor looks at the thread: everything in it is read. */
  look(): void {
    const last = this.thread.last();
    if (!this.watched || last <= (this.keep.get<number>("read") ?? 0)) return;
    this.keep.set("read", last);
    void this.wire.ask("seen", { n: last });
  }

  /** The visitor writes: told at most every three seconds, taken back after four idle ones. */
  write(): void {
    if (Date.now() - this.writing > 3000) {
      this.writing = Date.now();
      this.wire.say("typing", { on: true });
    }
    clearTimeout(this.quiet);
    this.quiet = window.setTimeout(() => this.stopWriting(), 4000);
  }

  stopWriting(): void {
    clearTimeout(this.quiet);
    if (!this.writing) return;
    this.writing = 0;
    this.wire.say("typing", { on: false });
  }

  /** Ask something a card needs; the words of the failure, or null when it was done. */
  async request(what: string, value: object): Promise<string | null> {
    const answer: Answer | null = await this.wire.ask(what, value);
    if (answer?.ok) return null;
    return answer ? answer.message : this.words.tryAgain;
  }

  async end(): Promise<void> {
    if (!(await this.request("end", {}))) this.set({ ended: true });
  }

  get sharing(): boolean {
    return this.keep.get<boolean>("consent") === true;
  }

  share(on: boolean): void {
    this.keep.set("consent", on);
    this.page = "";
    void this.request("consent", { pages: on }).then(() => this.tellPage());
    this.show();
  }

  set(change: Partial<Pick<App, "presence" | "seen" | "typist" | "ended" | "notice" | "down" | "watched">>): void {
    Object.assign(this, change);
    this.show();
  }

  private introduction(): object {
    const page = this.sharing ? { url: here(), title: document.title } : undefined;
    return { token: this.keep.get("token"), inbox: this.options.inbox, lang: this.lang, page };
  }

  private async token(): Promise<string | null> {
    await this.connect();
    return this.keep.get<string>("token");
  }

  private greeted(hello: Hello): void {
    if (!hello.known && this.keep.get("token")) this.thread.forget();
    this.keep.set("token", hello.token);
    this.keep.set("color", hello.color);
    this.hello = hello;
    this.presence = hello;
    this.seen = hello.seen;
    this.notice = null;
    this.ended = hello.conversation?.open === false;
    if (hello.conversation) this.keep.set("talking", hello.conversation.open);
    this.page = this.sharing ? here() : "";
    if (this.sharing) void this.wire.ask("consent", { pages: true });
    void this.caughtUp();
  }

  private async caughtUp(): Promise<void> {
    await Promise.resolve(); // the wire calls itself up only after this greeting
    if (await this.thread.catchUp(this.wire, (item) => this.fresh(item))) this.confirm();
    this.show();
    await this.outgoing.flush();
  }

  private arrived(item: Item): void {
    if (item.from === "agent") this.typist = null;
    if (item.id) this.outgoing.drop(item.id);
    if (this.thread.arrived(item)) this.fresh(item);
    this.confirm();
    this.show();
  }

  private accepted(unsent: Unsent, n: number, at: string): void {
    const files = unsent.files.map((file) => ({ ...file, url: "" }));
    this.thread.accepted({ n, id: unsent.id, from: "visitor", name: "", text: unsent.text, files, at });
    this.ended = false;
    this.keep.set("talking", true);
    this.show();
  }

  private fresh(item: Item): void {
    if (item.from !== "agent" || (this.watched && document.hasFocus())) return;
    // one sound over all tabs, and none when another tab shows the thread
    setTimeout(() => {
      const heard = Math.max(this.keep.get<number>("heard") ?? 0, this.keep.get<number>("read") ?? 0);
      if (item.n <= heard || this.keep.get("sound") === false) return;
      this.keep.set("heard", item.n);
      chime();
    }, 150 + Math.random() * 150);
  }

  /** Tell the server which lines this browser has. */
  private confirm(): void {
    clearTimeout(this.confirming);
    this.confirming = window.setTimeout(() => void this.wire.ask("got", { n: this.thread.cursor }), 60);
  }
  private confirming = 0;

  private typing(on: boolean, name: string): void {
    clearTimeout(this.fading);
    if (on) this.fading = window.setTimeout(() => this.set({ typist: null }), 8000);
    this.set({ typist: on ? name : null });
  }
  private fading = 0;

  private line(up: boolean): void {
    clearTimeout(this.downTimer);
    if (!up) {
      this.thread.lost();
      this.typist = null;
      this.downTimer = window.setTimeout(() => this.set({ down: true }), 1200);
    } else this.down = false;
    this.show();
  }

  private tellPage(): void {
    if (!this.sharing || !this.wire.up || document.hidden || here() === this.page) return;
    this.page = here();
    void this.wire.ask("page", { url: this.page, title: document.title.slice(0, 300) });
  }
}

/** The page without the part behind #, which never leaves a browser by itself. */
function here(): string {
  return (location.origin + location.pathname + location.search).slice(0, 2000);
}
