// The left column: kept up to date in place, walked by keys, selected by the dozen.

import { $, $$, avatar, say, settled } from "./page";
import { fragment } from "./net";
import { complain } from "./toast";
import { morph, parse } from "./morph";
import { setCount } from "./notice";
import type { View } from "./socket";

export const pane = (): HTMLElement | null => $("#list");
export const cards = (): HTMLElement[] => $$("#cards .card-line");
export const query = (): string => pane()?.dataset["query"] ?? "";
export const openedId = (): number => Number($("#thread")?.dataset["id"] ?? 0);

let loading: AbortController | undefined;
const viewing = new Map<string, View>();

/** Fetch the list again and bring it in, keeping what was loaded behind the first page. */
export async function refresh(): Promise<void> {
  const place = pane();
  if (!place || place.dataset["search"]) return;
  loading?.abort();
  loading = new AbortController();
  try {
    const html = await fragment(`/desk/list?${query()}&opened=${openedId()}`, loading.signal);
    const fresh = parse(html);
    keepOlder(fresh);
    const box = document.createElement("div");
    box.append(fresh);
    morph(place, box.innerHTML);
    bulkBar();
    showViewers();
  } catch (error) {
    if (!(error instanceof DOMException)) console.warn(error);
  }
}

export const refreshSoon = settled(() => void refresh(), 120, 900);
export const refreshNavSoon = settled(() => void refreshNav(), 400, 1500);

function keepOlder(fresh: DocumentFragment): void {
  const list = fresh.querySelector("#cards"), more = fresh.querySelector(".more"), old = cards();
  const known = new Set([...fresh.querySelectorAll<HTMLElement>(".card-line")].map((card) => card.dataset["id"]));
  if (!list || !more || old.length <= known.size) return;
  const last = [...fresh.querySelectorAll<HTMLElement>(".card-line")].at(-1)?.dataset["id"];
  const from = old.findIndex((card) => card.dataset["id"] === last);
  if (from < 0) return;
  more.remove();
  for (const card of old.slice(from + 1)) if (!known.has(card.dataset["id"])) list.append(card.cloneNode(true));
  const further = $("#cards .more");
  if (further) list.append(further.cloneNode(true));
}

export async function refreshNav(): Promise<void> {
  const nav = $("#nav");
  if (!nav) return;
  const list = pane() && !pane()?.dataset["search"] ? `?${query() || "list=mine"}` : "";
  try {
    const fresh = parse(await fragment(`/desk/nav${list}`)).querySelector<HTMLElement>("#nav");
    if (!fresh) return;
    nav.dataset["unread"] = fresh.dataset["unread"] ?? "0";
    const here = $$(".nav-item[aria-current]", nav).map((item) => item.getAttribute("href")); // a page below one of the rail's keeps its line
    morph(nav, fresh.innerHTML);
    if (!pane()) for (const item of $$(".nav-item", nav)) if (here.includes(item.getAttribute("href"))) item.setAttribute("aria-current", "page");
    setCount(Number(nav.dataset["unread"]));
  } catch (error) {
    console.warn(error);
  }
}

/** Another list in the same place. */
export async function go(href: string, push = true): Promise<void> {
  const place = pane(), url = new URL(href, location.href);
  if (!place) return location.assign(href);
  try {
    const html = await fragment(`/desk/list${url.search || "?list=mine"}`);
    place.dataset["query"] = url.search.slice(1) || "list=mine";
    delete place.dataset["search"];
    place.classList.remove("selecting");
    place.replaceChildren(parse(html));
    place.scrollTop = 0;
    if (push) history.pushState({}, "", url.pathname + url.search);
    document.body.classList.remove("opened");
    showViewers();
    refreshNavSoon();
  } catch (error) {
    complain(error);
  }
}

export async function more(link: HTMLAnchorElement): Promise<void> {
  const line = link.closest("li");
  link.setAttribute("aria-disabled", "true");
  try {
    const fresh = parse(await fragment(`/desk/list${new URL(link.href).search}&opened=${openedId()}`));
    const known = new Set(cards().map((card) => card.id));
    const found = [...(fresh.querySelector("#cards")?.children ?? [])].filter((card) => !known.has(card.id));
    line?.replaceWith(...found);
  } catch (error) {
    link.removeAttribute("aria-disabled");
    complain(error);
  }
}

export function mark(number: number): void {
  for (const card of cards()) {
    const on = Number(card.dataset["id"]) === number;
    card.classList.toggle("current", on);
    const link = $("a", card);
    if (on) { link?.setAttribute("aria-current", "true"); card.classList.remove("unread"); $(".dot", card)?.remove(); }
    else link?.removeAttribute("aria-current");
  }
}

/** The card `step` away from the one in focus, or on screen. */
export function step(by: number): HTMLElement | null {
  const all = cards();
  const focused = all.findIndex((card) => card.contains(document.activeElement));
  const opened = all.findIndex((card) => card.classList.contains("current"));
  const from = focused >= 0 ? focused : opened;
  const next = all[Math.max(0, Math.min(all.length - 1, from < 0 ? 0 : from + by))] ?? null;
  const link = next ? $("a", next) : null;
  link?.focus();
  link?.scrollIntoView({ block: "nearest" });
  return next;
}

// -- selecting several

export function toggleBulk(on?: boolean): void {
  const place = pane();
  if (!place) return;
  const selecting = place.classList.toggle("selecting", on ?? !place.classList.contains("selecting"));
  if (!selecting) for (const box of $$<HTMLInputElement>(".pick", place)) box.checked = false;
  bulkBar();
}

export const picked = (): number[] => $$<HTMLInputElement>(".pick:checked").map((box) => Number(box.value));

export function bulkBar(): void {
  const bar = $("#bulk"), place = pane();
  if (!bar || !place) return;
  const n = picked().length;
  if (n && !place.classList.contains("selecting")) place.classList.add("selecting");
  bar.hidden = !place.classList.contains("selecting");
  const words = $(".bulk-n", bar);
  if (words) words.textContent = say("selected", { n });
  $("[data-act=bulk]", place)?.setAttribute("aria-pressed", String(place.classList.contains("selecting")));
}

// -- who else is there

export function saw(views: View[], all: boolean): void {
  if (all) viewing.clear();
  for (const view of views) {
    const key = `${view.conversation}:${view.user}`;
    if (view.state === "gone") viewing.delete(key);
    else viewing.set(key, view);
  }
  showViewers();
}

export const viewersOf = (conversation: number, me: number): View[] =>
  [...viewing.values()].filter((view) => view.conversation === conversation && view.user !== me);

let meId = 0;
export function iAm(id: number): void { meId = id; }

export function showViewers(): void {
  for (const place of $$("[data-viewers]")) {
    const views = viewersOf(Number(place.dataset["viewers"]), meId).slice(0, 4);
    const names = views.map((view) => `${view.name}/${view.state}`).join();
    if (place.dataset["shown"] === names) continue;
    place.dataset["shown"] = names;
    place.replaceChildren(...views.map((view) => avatar(view.name, view.user, view.state === "writing" ? "s writing" : "s")));
  }
  const place = $("#viewers"), number = openedId();
  if (!place) return;
  const views = viewersOf(number, meId).slice(0, 4);
  const text = views.map((view) => say(view.state === "writing" ? "writing" : "viewing", { who: view.name })).join(" · ");
  if (place.dataset["shown"] === text && place.childNodes.length) return;
  place.dataset["shown"] = text;
  place.replaceChildren(...views.map((view) => avatar(view.name, view.user)), ...(text ? [document.createTextNode(text)] : []));
}
