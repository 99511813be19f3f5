// Canned answers in the composer: / at the beginning of a line, then letters, arrows, Enter. And the signs of empty fields.

import { $, $$, icon, make, say, settled } from "./page";
import { api, post, Refused } from "./net";
import { complain } from "./toast";
import { can, letter, mayFormat } from "./composer/letter";
import * as words from "./composer/words";

interface Found { id: number; name: string; title: string; text: string; language: string; channel: string; own: boolean; uses: number }
interface Taken { text: string; html: string; empty: string[] }

const SIGN = /⟦[^⟦⟧\n]{1,60}\?⟧/g;
const ASKS = /^\/([^\n/]{0,40})$/;

let told: () => void = () => undefined, asked: string | null = null, shown: Found[] = [], dismissed = "";
/** Enter was pressed before the list came: the first of it is meant, and the line must not be sent instead. */
let hasty = false;

export function begin(changed: () => void): void {
  told = changed;
  dismissed = "";
  signs();
}

// -- the search

const place = (): HTMLElement | null => $("#answers");
const field = (): HTMLElement | null => (words.isRich() ? $(".ProseMirror") : words.plain());
const channel = (): string => can("medium");

/** What stands behind a / that begins the line of the caret; null = nothing is asked. */
function wanted(): string | null {
  if (!letter.open || letter.mode !== "reply") return null;
  const line = words.before().split("\n").at(-1) ?? "";
  return ASKS.exec(line)?.[1] ?? null;
}

/** The words changed. */
export function look(): void {
  signs();
  const now = wanted();
  if (now === null) { dismissed = ""; return hide(); }
  if (dismissed && now.startsWith(dismissed.slice(1))) return;
  dismissed = "";
  asked = now;
  seek();
}

const seek = settled(() => void find(), 90, 300);

async function find(): Promise<void> {
  const now = asked;
  if (now === null) return;
  const query = new URLSearchParams({ q: now, place: String(letter.place), channel: channel() });
  const { answers } = await api<{ answers: Found[] }>("GET", `/desk/answers/find?${query}`).catch(() => ({ answers: [] as Found[] }));
  if (asked !== now || wanted() !== now) return;
  show(answers);
  if (hasty && answers.length) void choose(0);
  hasty = false;
}

function show(answers: Found[]): void {
  const box = place(), writing = field();
  if (!box || !writing) return;
  shown = answers;
  box.replaceChildren(...(answers.length ? answers.map(line) : [make("li", { class: "muted none" }, say("noAnswers"))]));
  box.hidden = false;
  writing.setAttribute("aria-controls", "answers");
  mark(0);
}

function line(one: Found, at: number): HTMLElement {
  const which = [one.language ? { ko: "한국어", en: "English" }[one.language] ?? one.language : "", one.channel ? say("forChannel") : ""].filter(Boolean).join(" · ");
  const item = make("li", { role: "option", id: `answer-${one.id}`, "aria-selected": "false" },
    make("span", { class: "answer-top" }, make("b", {}, `/${one.name}`), make("span", {}, one.title === one.name ? "" : one.title), ...(which ? [make("span", { class: "badge" }, which)] : [])),
    make("span", { class: "answer-snippet" }, one.text));
  item.addEventListener("mousedown", (event) => { event.preventDefault(); void choose(at); });
  return item;
}

function mark(at: number): void {
  const lines = $$("[role=option]", place() ?? document);
  lines.forEach((one, n) => one.setAttribute("aria-selected", String(n === at)));
  lines[at]?.scrollIntoView({ block: "nearest" });
  field()?.setAttribute("aria-activedescendant", lines[at]?.id ?? "");
}

export function hide(): void {
  const box = place();
  asked = null;
  hasty = false;
  if (box) box.hidden = true;
  field()?.removeAttribute("aria-activedescendant");
}

/** Whether the key was for the list. */
export function keys(event: KeyboardEvent): boolean {
  const box = place();
  if (!box) return false;
  if (box.hidden) {
    hasty = asked !== null && event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.metaKey;
    if (hasty) { event.preventDefault(); event.stopPropagation(); }
    return hasty;
  }
  const lines = $$("[role=option]", box), now = lines.findIndex((one) => one.getAttribute("aria-selected") === "true");
  if (event.key === "Escape") { dismissed = `/${wanted() ?? ""}`; hide(); }
  else if (!lines.length || event.ctrlKey || event.metaKey || event.altKey) return false;
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") mark((now + (event.key === "ArrowDown" ? 1 : -1) + lines.length) % lines.length);
  else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") void choose(Math.max(now, 0));
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
}

async function choose(at: number): Promise<void> {
  const one = shown[at], typed = wanted(), { place: where } = letter;
  hide();
  if (!one || typed === null) return;
  try {
    const taken = await post<Taken>(`/desk/answers/${one.id}/take`, { place: where, channel: channel() });
    if (!letter.open || letter.place !== where || wanted() === null) return;
    await words.swap((wanted() ?? "").length + 1, taken.text, mayFormat() ? taken.html : "");
    told();
    toSign();
  } catch (error) {
    complain(error);
  }
}

// -- signs of empty fields

const left = (): string[] => (letter.mode === "reply" ? [...new Set(words.text().match(SIGN) ?? [])] : []);

/** Say which fields are empty, as long as their signs stand in the words. */
function signs(): void {
  const bar = $("#signs"), found = left();
  if (!bar) return;
  bar.hidden = !found.length;
  if (!found.length || bar.dataset["said"] === found.join()) return;
  bar.dataset["said"] = found.join();
  const go = make("button", { type: "button", class: "button small" }, say("goToSign"));
  go.addEventListener("click", toSign);
  bar.replaceChildren(icon("edit"), make("span", { class: "grow" }, say("emptyFields", { fields: found.map((one) => one.slice(1, -2)).join(", ") })), go);
}

/** Select the first sign, so that the next key writes in its place. */
function toSign(): void {
  const first = left()[0];
  if (first) words.select(first);
}

/** Why this must not leave; null = it may. */
export function stuck(): Refused | null {
  const found = left();
  if (!found.length) return null;
  toSign();
  return new Refused(say("emptyFields", { fields: found.map((one) => one.slice(1, -2)).join(", ") }), "empty_field", 400);
}
