// Older rows of a long thread: those above, those a link leads far back to, and what lies between.
// The newest rows are always on the page, so nothing here concerns what arrives meanwhile.

import { $, $$, icon, make, say } from "./page";
import { api } from "./net";
import { complain } from "./toast";
import { parse } from "./morph";

interface Part { rows: string; first: number; last: number }

const NEAR = "500px 0px";

const rows = (): HTMLElement | null => $("#rows");
const pane = (): HTMLElement | null => $("#scroll");
const first = (): number => Number($("#thread")?.dataset["first"] ?? 0);
const number = (row: Element | null | undefined): number => Number((row as HTMLElement | null | undefined)?.dataset["row"] ?? 0);

let told: (root: ParentNode) => void = () => undefined, eye: IntersectionObserver | undefined, busy = false;

/** A thread has come onto the page; `grown` is called when rows have been added. Whether the row named by `hash` will be shown. */
export function begin(hash: string, grown: (root: ParentNode) => void): boolean {
  told = grown;
  busy = false;
  watch();
  const wanted = Number(/^#row-(\d+)$/.exec(hash)?.[1] ?? 0);
  if (!wanted) return false;
  if (point(wanted)) return true;
  if (wanted >= first()) return false;
  void lead(wanted);
  return true;
}

/** Bring a row under the reader's eyes. */
function point(wanted: number): boolean {
  const row = document.getElementById(`row-${wanted}`);
  for (const other of $$("#rows > .found")) other.classList.remove("found");
  row?.classList.add("found");
  row?.scrollIntoView({ block: "center" });
  return row !== null;
}

/** Load more when its place comes near the screen; looks anew each time, for what is loaded may be short. */
function watch(): void {
  eye?.disconnect();
  eye = new IntersectionObserver((seen) => {
    for (const one of seen) if (one.isIntersecting && !busy) void (one.target.matches(".gap") ? close(one.target as HTMLElement) : earlier());
  }, { root: pane(), rootMargin: NEAR });
  for (const place of $$("#scroll .earlier, #rows > .gap")) eye.observe(place);
}

async function load(query: string, take: (part: Part) => void): Promise<void> {
  const here = $("#thread");
  if (busy || !here) return;
  busy = true;
  try {
    const part = await api<Part>("GET", `/desk/conversations/${here.dataset["id"]}/rows?${query}`);
    if (here !== $("#thread")) return;
    take(part);
    const list = rows();
    if (list) told(list);
    busy = false;
    watch();
  } catch (error) {
    complain(error);
  } finally {
    if (here === $("#thread")) busy = false;
  }
}

/** The page above. What is on screen stays under the reader's eyes. */
export async function earlier(): Promise<void> {
  if (first()) await load(`before=${first()}`, (part) => { still(() => insert(part.rows, rows()?.firstElementChild ?? null)); begins(part.first); });
}

/** Rows about one far back, and a gap between them and those that are here. */
async function lead(wanted: number): Promise<void> {
  const top = rows()?.firstElementChild ?? null;
  await load(`around=${wanted}&before=${first()}`, (part) => {
    if (part.last) top?.before(gap());
    insert(part.rows, part.last ? $("#rows > .gap") : top);
    begins(part.first);
    point(wanted);
  });
}

/** Some of what a gap leaves out, from the side the reader comes from. */
export async function close(place: HTMLElement): Promise<void> {
  const up = beside(place, "previousElementSibling"), down = beside(place, "nextElementSibling"), view = pane();
  if (!view) return;
  const fromBelow = place.getBoundingClientRect().top < view.getBoundingClientRect().top + view.clientHeight / 2;
  const query = fromBelow ? `before=${down}` : `before=${down}&after=${up}`;
  await load(query, (part) => {
    if (fromBelow) still(() => { if (insert(part.rows, place.nextElementSibling) || !part.first) place.remove(); });
    else { const at = view.scrollTop; insert(part.rows, place); if (!part.last) place.remove(); view.scrollTop = at; }
  });
}

function beside(place: Element, way: "previousElementSibling" | "nextElementSibling"): number {
  let row = place[way];
  while (row && !number(row)) row = row[way];
  return number(row);
}

const gap = (): HTMLElement => {
  const button = make("button", { type: "button", class: "button quiet", "data-act": "between" }, icon("more"), say("between"));
  return make("li", { class: "gap" }, button);
};

/** Put rows before `place`; a day has one line, above its first row. Whether some were here already. */
function insert(html: string, place: Element | null): boolean {
  let met = false;
  for (const fresh of [...parse(html).children]) {
    const known = fresh.id ? document.getElementById(fresh.id) : null;
    if (known?.matches(".row")) { met = true; continue; }
    if (known && place && known.compareDocumentPosition(place) & Node.DOCUMENT_POSITION_FOLLOWING) continue;
    if (known && known === place) place = known.nextElementSibling;
    known?.remove();
    if (place) place.before(fresh); else rows()?.append(fresh);
  }
  return met;
}

/** Keep what is below where it is on screen while `work` puts something above it. */
function still(work: () => void): void {
  const view = pane();
  if (!view) return;
  const from = view.scrollHeight - view.scrollTop;
  work();
  view.scrollTop = view.scrollHeight - from;
}

function begins(row: number): void {
  const here = $("#thread");
  if (here) here.dataset["first"] = String(row);
  if (!row) $("#scroll .earlier")?.remove();
}
