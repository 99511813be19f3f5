/** The list of lines as the server has it, without gaps. */

import type { Item } from "./protocol";
import type { Keep } from "./keep";
import type { Wire } from "./wire";

const KEPT = 60;

export class Thread {
  /** In order of `n`. */
  items: Item[] = [];
  /**
   * Everything up to here is in `items`. Only the server's own order moves it: the answer to
   * a message we sent does not, because an agent's line before it may still be on its way.
   */
  cursor = 0;
  /** False from a lost line until we have caught up: what comes by itself then may follow a gap. */
  current = false;
  /** There are lines before the first one here. */
  older = false;
  /** The newest line that came by itself on this connection. */
  private live = 0;

  constructor(private readonly keep: Keep) {
    const kept = keep.get<{ items: Item[]; cursor: number; older: boolean }>("thread");
    if (kept) ({ items: this.items, cursor: this.cursor, older: this.older } = kept);
  }

  /** The server sent a line by itself; true when it is new here. */
  arrived(item: Item): boolean {
    const fresh = this.put(item);
    this.live = Math.max(this.live, item.n);
    if (this.current) this.cursor = Math.max(this.cursor, item.n);
    this.save();
    return fresh;
  }

  /** The server accepted our own line. */
  accepted(item: Item): void {
    this.put(item);
  }

  has(id: string): boolean {
    return this.items.some((item) => item.id === id);
  }

  last(): number {
    return this.items.at(-1)?.n ?? 0;
  }

  lost(): void {
    this.current = false;
    this.live = 0;
  }

  /** Fetch what was missed; false when the line broke on the way (the next greeting tries again). */
  async catchUp(wire: Wire, fresh: (item: Item) => void): Promise<boolean> {
    for (;;) {
      const page = await wire.since(this.cursor);
      if (!page || !("items" in page)) return false;
      if (page.resync) {
        this.items = this.items.filter((item) => item.n > page.n);
        this.older = !!page.older;
      }
      for (const item of page.items) if (this.put(item) && !page.resync) fresh(item);
      this.cursor = page.n;
      if (!page.more) break;
    }
    this.current = true;
    this.cursor = Math.max(this.cursor, this.live);
    this.save();
    return true;
  }

  /** Fetch a page of older lines. */
  async lookBack(wire: Wire): Promise<void> {
    const answer = await wire.ask<{ items: Item[]; more: boolean }>("before", { n: this.items[0]?.n ?? 0 });
    if (!answer?.ok) return;
    for (const item of answer.items) this.put(item);
    this.older = answer.more;
  }

  /** Another identity: these lines are not ours. */
  forget(): void {
    this.items = [];
    this.cursor = 0;
    this.live = 0;
    this.keep.remove("thread");
  }

  private put(item: Item): boolean {
    let at = this.items.length;
    while (at && this.items[at - 1]!.n > item.n) at--;
    if (at && this.items[at - 1]!.n === item.n) {
      this.items[at - 1] = item; // now with the addresses of its files
      return false;
    }
    this.items.splice(at, 0, item);
    return true;
  }

  private save(): void {
    const older = this.older || this.items.length > KEPT;
    this.keep.set("thread", { items: this.items.slice(-KEPT), cursor: this.cursor, older });
  }
}
