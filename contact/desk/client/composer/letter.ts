// The letter being written: where it stands, what it holds beside its words, and what the page offers for it.

import { $, $$ } from "../page";
import type { Uploaded } from "../net";

export type Mode = "reply" | "note";
export interface Fields {
  way?: string; to?: string; subject?: string; cc?: string; bcc?: string; html?: string; files?: Uploaded[]; images?: Uploaded[];
}
export interface Draft { conversation: number; mode: Mode; text: string; fields: Fields; seen: number; version: number }

/** Which device this is: what it saved itself is no news to it. */
export const device = crypto.randomUUID();

const fresh = {
  /** A number above 0 is a conversation; others are letters that begin one. */
  place: 0, open: false, mode: "reply" as Mode,
  /** Of the draft on the server, 0 = none. */
  version: 0,
  /** The newest row on screen when the first word was written. */
  seen: 0,
  /** Made before the first try, kept until an answer: it makes a message the same one. */
  key: "",
  dirty: false, busy: false, composing: false, uploading: 0,
  files: [] as Uploaded[], images: [] as Uploaded[], base: {} as Fields,
};

export const letter = { ...fresh };

export function begin(place: number): void {
  Object.assign(letter, fresh, { place, open: true, files: [], images: [] });
  letter.base = lines();
}

export const form = (): HTMLFormElement | null => $<HTMLFormElement>("#composer");
export const input = (id: string): HTMLInputElement | null => $<HTMLInputElement>(`#${id}`);
export const way = (): HTMLSelectElement | null => $<HTMLSelectElement>("#way");

/** What the chosen channel says of itself; "" = it cannot. */
export const can = (name: string): string => way()?.selectedOptions[0]?.dataset[name] ?? "";

/** Whether words may be formatted here and now. */
export const mayFormat = (): boolean => letter.mode === "reply" && can("html") === "1";

/** Lines of the head that the chosen way carries; the others stay in the draft. */
export const carried = (fields: Fields): Fields =>
  ({ ...fields, ...(can("subject") === "1" ? {} : { subject: "" }), ...(can("cc") === "1" ? {} : { cc: "", bcc: "" }) });

export const LINES = ["to", "subject", "cc", "bcc"] as const;

export function lines(): Fields {
  const found: Fields = { way: way()?.value ?? "" };
  for (const name of LINES) { const line = input(name); if (line) found[name] = line.value; }
  return found;
}

/** The newest row on screen. */
export const newest = (): number => Math.max(0, ...$$("#rows > [data-row]").map((row) => Number(row.dataset["row"])));

export function arrived(on: boolean): void {
  const bar = $("#arrived");
  if (bar) bar.hidden = !on;
}

export function copies(on?: boolean): void {
  const place = $("#copies"), button = $("[data-act=copies]");
  if (!place) return;
  place.hidden = on === undefined ? !place.hidden : !on;
  button?.setAttribute("aria-expanded", String(!place.hidden));
}
