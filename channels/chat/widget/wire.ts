/** The line to the server: one socket a tab, opened when there is a reason to. */

import { Fetch, Manager, WebSocket, type Socket } from "socket.io-client";
import type { Answer, Failure, Hello, Item, Page, Presence } from "./protocol";

export interface Heard {
  hello(hello: Hello): void;
  item(item: Item): void;
  typing(on: boolean, name: string): void;
  presence(presence: Presence): void;
  seen(n: number): void;
  ended(): void;
  /** Connected and greeted, or not. */
  line(up: boolean): void;
  /** The server refused the connection, in words for people. */
  refused(failure: Failure): void;
}

const PATIENCE = 10_000;

export class Wire {
  /** Greeted: what is asked now is answered. */
  up = false;
  private socket: Socket | undefined;
  private greeted: Promise<void> | undefined;

  constructor(
    private readonly origin: string,
    private readonly path: string,
    private readonly auth: () => object,
    private readonly heard: Heard,
  ) {}

  /** Open the line, once. Resolves when the server has greeted us for the first time. */
  open(): Promise<void> {
    return (this.greeted ??= new Promise((done) => this.connect(done)));
  }

  /** Ask and get the answer; a silence of ten seconds or a lost line is `null`. */
  async ask<T>(what: string, value: object): Promise<Answer<T> | null> {
    if (!this.socket || !this.up) return null;
    try {
      return (await this.socket.timeout(PATIENCE).emitWithAck(what, value)) as Answer<T>;
    } catch {
      return null;
    }
  }

  async since(n: number): Promise<Page | null> {
    return (await this.ask<Page>("since", { n })) as Page | null;
  }

  /** Say something that may be lost. */
  say(what: string, value: object): void {
    if (this.up) this.socket?.volatile.emit(what, value);
  }

  private connect(greeted: () => void): void {
    const manager = new Manager(this.origin, {
      path: this.path,
      transports: [WebSocket, Fetch],
      tryAllTransports: true,
      upgrade: false,
      reconnectionDelay: 400,
      reconnectionDelayMax: 8000,
      timeout: 8000,
    });
    const socket = (this.socket = manager.socket("/chat", { auth: (give: (auth: object) => void) => give(this.auth()) }));
    socket.connect();
    const { heard } = this;
    socket.on("hello", (hello: Hello) => {
      this.up = true;
      heard.hello(hello);
      heard.line(true);
      greeted();
    });
    socket.on("item", (item: Item) => heard.item(item));
    socket.on("typing", (typing: { on: boolean; name: string }) => heard.typing(typing.on, typing.name));
    socket.on("presence", (presence: Presence) => heard.presence(presence));
    socket.on("seen", (seen: { n: number }) => heard.seen(seen.n));
    socket.on("ended", () => heard.ended());
    socket.on("disconnect", (why) => {
      this.lost();
      if (why === "io server disconnect") this.again(1);
    });
    socket.on("connect_error", (error: Error & { data?: Failure }) => {
      this.lost();
      if (socket.active) return;
      if (error.data) heard.refused(error.data);
      this.again(error.data?.retry_after ?? 10);
    });
    addEventListener("online", () => socket.disconnected && socket.connect());
    addEventListener("pageshow", (event) => event.persisted && socket.connect());
  }

  private again(seconds: number): void {
    setTimeout(() => this.socket?.connect(), seconds * 1000 * (1 + Math.random() / 4));
  }

  private lost(): void {
    this.up = false;
    this.heard.line(false);
  }
}
