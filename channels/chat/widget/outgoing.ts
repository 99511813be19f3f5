/**
 * What the visitor wrote and the server has not acknowledged yet. One storage entry a message,
 * so tabs cannot overwrite each other; one tab sends at a time, oldest first, and the same id is
 * tried until an answer comes. The server stores an id once, so "once" does not hang on the lock.
 */

import { uuid, type Keep } from "./keep";
import type { Failure, Uploaded } from "./protocol";
import type { Wire } from "./wire";

export interface Unsent {
  id: string;
  text: string;
  files: Uploaded[];
  /** Milliseconds, the visitor's clock: only for display. */
  at: number;
  /** The server's reason why it will never take this. */
  failed?: string;
}

export interface Accepted {
  n: number;
  at: string;
}

export interface Told {
  changed(): void;
  accepted(unsent: Unsent, answer: Accepted): void;
  /** We must wait, in words for people; null when the wait is over. */
  wait(message: string | null): void;
}

const START = "out:";

export class Outgoing {
  private flushing = false;
  private pausedUntil = 0;

  constructor(
    private readonly keep: Keep,
    private readonly wire: Wire,
    private readonly told: Told,
  ) {
    keep.onChange((name) => name.startsWith(START) && told.changed());
  }

  all(): Unsent[] {
    return this.keep
      .names(START)
      .map((name) => this.keep.get<Unsent>(name))
      .filter((unsent): unsent is Unsent => unsent !== null);
  }

  waiting(): number {
    return this.all().filter((unsent) => !unsent.failed).length;
  }

  put(text: string, files: Uploaded[]): void {
    const unsent = { id: uuid(), text, files, at: Date.now() };
    this.keep.set(this.place(unsent.id), unsent);
    this.told.changed();
    void this.flush();
  }

  /** Send what waits, in order, until nothing is left or the line is down. */
  async flush(): Promise<void> {
    if (this.flushing || !this.wire.up || Date.now() < this.pausedUntil) return;
    this.flushing = true;
    try {
      await this.keep.alone("send", async () => {
        for (let name = this.next(); name && (await this.send(name)); name = this.next());
      });
    } finally {
      this.flushing = false;
    }
    if (this.next() && this.wire.up) setTimeout(() => void this.flush(), Math.max(1000, this.pausedUntil - Date.now()));
  }

  /** Under a new id: the server refused the old one for good. */
  retry(id: string): void {
    const unsent = this.drop(id);
    if (unsent) this.put(unsent.text, unsent.files);
  }

  drop(id: string): Unsent | null {
    const name = this.keep.names(START).find((name) => name.endsWith(id));
    if (!name) return null;
    const unsent = this.keep.get<Unsent>(name);
    this.keep.remove(name);
    this.told.changed();
    return unsent;
  }

  /** A storage name that sorts behind all that wait, also when the clock was set back. */
  private place(id: string): string {
    const last = this.keep.names(START).at(-1);
    const turn = Math.max(Date.now(), last ? Number(last.slice(START.length).split(":")[0]) + 1 : 0);
    return `${START}${String(turn).padStart(15, "0")}:${id}`;
  }

  private next(): string | undefined {
    return this.keep.names(START).find((name) => !this.keep.get<Unsent>(name)?.failed);
  }

  /** True when the next one may follow. */
  private async send(name: string): Promise<boolean> {
    const unsent = this.keep.get<Unsent>(name);
    if (!unsent) {
      this.keep.remove(name);
      return true;
    }
    const { id, text, files } = unsent;
    const answer = await this.wire.ask<Accepted>("message", { id, text, files: files.map((file) => file.id) });
    if (!answer) return false;
    if (answer.ok) {
      this.keep.remove(name);
      this.told.accepted(unsent, answer);
      return true;
    }
    return this.refused(name, unsent, answer);
  }

  private refused(name: string, unsent: Unsent, answer: Failure): boolean {
    if (answer.retry_after !== undefined) {
      const wait = answer.retry_after * 1000;
      this.pausedUntil = Date.now() + wait;
      this.told.wait(answer.message);
      setTimeout(() => this.told.wait(null), wait);
      return false;
    }
    this.keep.set(name, { ...unsent, failed: answer.message });
    this.told.changed();
    return true;
  }
}
