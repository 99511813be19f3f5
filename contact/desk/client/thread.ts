// The middle column: rows come in by their id, whatever was missed; the scroll stays where the reader is.

import { $, $$, say, settled, setup } from "./page";
import { api, fragment, post } from "./net";
import { complain, toast } from "./toast";
import { morph, morphInto, parse } from "./morph";
import { setTitle } from "./notice";
import { look, type Row } from "./socket";
import * as list from "./list";
import * as composer from "./composer";
import * as older from "./older";
import { sheets } from "./sheets";
import { watch } from "./watch";

export const thread = (): HTMLElement | null => $("#thread");
export const opened = (): number => list.openedId();
const scroll = (): HTMLElement | null => $("#scroll");
const head = (): number => Number(thread()?.dataset["head"] ?? 0);

let loading: AbortController | undefined, catching = false, again = false, seenUpTo = 0;

/** The newest row on screen. */
export const newest = (): number => Math.max(0, ...$$("#rows > [data-row]").map((row) => Number(row.dataset["row"])));

// -- opening

export async function open(number: number, push = true, href = `/desk/conversations/${number}?${list.query()}`): Promise<void> {
  const place = $("#conversation");
  if (!place) return location.assign(href);
  composer.leave();
  loading?.abort();
  loading = new AbortController();
  list.mark(number);
  try {
    const html = await fragment(`/desk/conversations/${number}?part=thread`, loading.signal);
    place.replaceChildren(parse(html));
    place.classList.remove("show-customer");
    document.body.classList.add("opened");
    if (push) history.pushState({ conversation: number }, "", href);
    begin(new URL(href, location.href).hash);
  } catch (error) {
    complain(error);
  }
}

/** A thread has come onto the page. */
export function begin(hash = location.hash): void {
  const place = thread();
  if (!place) return;
  seenUpTo = 0;
  setTitle(place.dataset["title"] ?? "");
  list.mark(opened());
  composer.begin();
  frames(place);
  followScroll();
  look(opened());
  if (!older.begin(hash, frames)) toEnd();
  list.showViewers();
  markSeen();
}

export function close(push = true): void {
  composer.leave();
  look(0);
  document.body.classList.remove("opened");
  if (push) history.pushState({}, "", `/desk?${list.query()}`);
  const number = opened();
  $(`#card-${number} a`)?.focus();
  list.refreshSoon();
}

// -- what is new

export function heard(conversation: number, rows: Row[]): void {
  if (conversation !== opened()) return;
  if (rows.some((row) => row.name === "message.received")) typing(false, "");
  composer.somethingCame(rows);
  catchUpSoon();
}

const catchUpSoon = settled(() => void catchUp(), 15, 120);

/** Ask for everything behind the newest row we have; as often as needed, never twice at once. */
export async function catchUp(): Promise<void> {
  if (catching) { again = true; return; }
  const number = opened();
  if (!number) return;
  catching = true;
  try {
    for (;;) {
      again = false;
      const told = await api<{ rows: string; head: string; bars: string; after: number; more: boolean }>(
        "GET", `/desk/conversations/${number}/rows?after=${head()}`);
      if (opened() !== number) break;
      take(told);
      if (!told.more && !again) break;
    }
  } catch (error) {
    console.warn(error);
  } finally {
    catching = false;
    if (again) catchUpSoon();
  }
}

function take(told: { rows: string; head: string; bars: string; after: number }): void {
  const place = thread(), rows = $("#rows");
  if (!place || !rows) return;
  const stay = atEnd(), had = newest();
  for (const fresh of [...parse(told.rows).children]) bring(rows, fresh as HTMLElement);
  place.dataset["head"] = String(Math.max(head(), told.after));
  const top = $("#thread-head"), bars = $("#bars");
  if (top) morph(top, told.head);
  if (bars) morph(bars, told.bars);
  list.showViewers();
  frames(rows);
  if (newest() > had) {
    if (stay) toEnd();
    else if ($$("#rows > .said[data-row]").some((row) => Number(row.dataset["row"]) > had)) below(true);
  }
  markSeen();
}

function bring(rows: HTMLElement, fresh: HTMLElement): void {
  const known = fresh.id ? document.getElementById(fresh.id) : null;
  if (known) return fresh.matches(".day") ? undefined : morphInto(known, fresh);
  const number = Number(fresh.dataset["row"] ?? 0);
  if (number && number <= head()) return; // an older row that is not on the page
  if (number) {
    const after = [...rows.children].reverse().find((row) => Number((row as HTMLElement).dataset["row"] ?? 0) > number);
    if (after) { after.before(fresh); return; }
  }
  fresh.classList.add("fresh");
  rows.append(fresh);
}

// -- scroll and reading

export const atEnd = (): boolean => {
  const pane = scroll();
  return !pane || pane.scrollHeight - pane.scrollTop - pane.clientHeight < 90;
};

export function toEnd(): void {
  const pane = scroll();
  if (pane) pane.scrollTop = pane.scrollHeight;
  below(false);
}

function below(on: boolean): void {
  const button = $("#below");
  if (button) button.hidden = !on;
}

function followScroll(): void {
  scroll()?.addEventListener("scroll", () => { if (atEnd()) { below(false); markSeen(); } }, { passive: true });
}

export const markSeen = settled(() => {
  const number = opened(), last = newest();
  if (!number || document.hidden || !atEnd() || last <= seenUpTo) return;
  seenUpTo = last;
  post(`/desk/api/conversations/${number}/seen`, { last }).then(() => list.refreshNavSoon(), () => { seenUpTo = 0; });
}, 250, 600);

export function typing(on: boolean, name: string): void {
  const place = $("#typing");
  if (place) place.textContent = on ? (name ? say("typing", { who: name }) : say("typingCustomer")) : "";
  if (on && atEnd()) toEnd();
}

// -- HTML mail

function frames(root: ParentNode): void {
  sheets(root);
  watch();
  for (const frame of $$<HTMLIFrameElement>(".html iframe", root)) {
    if (frame.dataset["kept"]) continue;
    frame.dataset["kept"] = "1";
    frame.addEventListener("load", () => measure(frame));
    if (frame.contentDocument?.readyState === "complete") measure(frame);
    void held(frame);
  }
}

function measure(frame: HTMLIFrameElement): void {
  const inside = frame.contentDocument?.documentElement;
  if (!inside || !frame.isConnected) return;
  const stay = atEnd();
  frame.style.height = `${Math.min(Math.max(inside.scrollHeight, 40), 20_000)}px`;
  if (stay) toEnd();
  new ResizeObserver(() => { const tall = inside.scrollHeight; if (tall > frame.clientHeight + 1) frame.style.height = `${Math.min(tall, 20_000)}px`; }).observe(inside);
}

/** Whether pictures were held back: the frame's own answer says so. */
async function held(frame: HTMLIFrameElement): Promise<void> {
  const answer = await fetch(frame.src, { method: "HEAD", credentials: "same-origin" }).catch(() => null);
  const bar = frame.parentElement?.querySelector<HTMLElement>(".held");
  if (bar) bar.hidden = !Number(answer?.headers.get("X-Held-Pictures") ?? 0);
}

export function turnHtml(number: string): void {
  const row = document.getElementById(`row-${number}`), html = row && $(".html", row);
  if (!row || !html) return;
  if (!$("iframe", html)) {
    const frame = document.createElement("iframe");
    frame.src = `/desk/mail/${number}`;
    frame.title = $(".row-head b", row)?.textContent ?? "";
    html.append(frame);
  }
  html.hidden = !html.hidden;
  for (const other of $$(".bubble > .text, .bubble > .quoted", row)) other.hidden = !html.hidden;
  frames(row);
}

export async function pictures(number: string, always: boolean): Promise<void> {
  const frame = $<HTMLIFrameElement>(`#row-${number} iframe`);
  if (!frame) return;
  if (always) await post(`/desk/mail/${number}/trust`).catch(complain);
  frame.src = `/desk/mail/${number}?pictures=1`;
  const bar = frame.parentElement?.querySelector<HTMLElement>(".held");
  if (bar) bar.hidden = true;
}

// -- deliveries

export async function decide(delivery: string, what: string): Promise<void> {
  try {
    if (what !== "cancel") await post(`/desk/api/deliveries/${delivery}/${what}`);
    else if (await composer.takeBack(delivery)) toast(say("undone"));
    if (what === "recall") toast(say("recalled"));
    void catchUp();
  } catch (error) {
    complain(error);
  }
}

export const mine = (): boolean => Number($(`#card-${opened()}`)?.dataset["assignee"]) === setup.me.id;
