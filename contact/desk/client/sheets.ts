// Pages as pictures: a few at once, more when they are asked for. A place with `data-sheets` fills itself when it is seen.

import { $$, make } from "./page";
import { api, Refused } from "./net";

interface Answer { pages: string[]; more: boolean }
export type Ask = (from: number, limit: number) => Promise<Answer>;
export interface Words { page: string; more: string; busy: string; none: string; lost: string }

const STEPS = [1, 4, 10, 20];

const words = (place: HTMLElement): Words => {
  const { page = "", more = "", busy = "", none = "", lost = "" } = place.dataset;
  return { page, more, busy, none, lost };
};

/** Fill a place page by page; resolves with how many there are so far. `alive` says whether anybody still looks. */
export async function fill(place: HTMLElement, ask: Ask, told: Words = words(place), alive: () => boolean = () => place.isConnected): Promise<number> {
  const list = make("ol", { class: "sheet-list" }), state = make("p", { class: "muted sheet-state", role: "status" }, make("span", { class: "spin", "aria-hidden": "true" }), told.busy);
  place.replaceChildren(list, state);
  place.setAttribute("aria-busy", "true");
  let count = 0;
  const step = async (at: number): Promise<void> => {
    const limit = STEPS[Math.min(at, STEPS.length - 1)] ?? 20;
    const answer = await ask(count, limit);
    if (!alive()) return;
    for (const src of answer.pages) {
      count += 1;
      const name = told.page.replace("{n}", String(count));
      list.append(make("li", {}, make("img", { src, alt: name }), make("span", { class: "sheet-number", "aria-hidden": "true" }, String(count))));
    }
    state.replaceChildren();
    if (!answer.more || at >= STEPS.length - 1) return void (count || (state.textContent = told.none));
    if (at === 0) { state.append(make("span", { class: "spin", "aria-hidden": "true" }), told.busy); return step(1); } // the first page at once, some more behind it
    const more = make("button", { type: "button", class: "button small" }, told.more);
    more.addEventListener("click", () => { more.disabled = true; void step(at + 1).catch((error: unknown) => fail(state, error, told)); });
    state.append(more);
  };
  try {
    await step(0);
  } catch (error) {
    fail(state, error, told);
  }
  place.removeAttribute("aria-busy");
  return count;
}

function fail(state: HTMLElement, error: unknown, told: Words): void {
  state.classList.add("bad");
  state.textContent = error instanceof Refused && error.message ? error.message : told.lost;
}

const asked = (path: string): Ask => (from, limit) => api<Answer>("GET", `${path}?from=${from}&limit=${limit}`);

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    const place = entry.target as HTMLElement;
    watcher.unobserve(place);
    void fill(place, asked(place.dataset["sheets"] ?? ""));
  }
}, { rootMargin: "200px" });

/** Watch the places of a piece of the page. */
export function sheets(root: ParentNode = document): void {
  for (const place of $$("[data-sheets]", root)) {
    if (place.dataset["kept"]) continue;
    place.dataset["kept"] = "1";
    watcher.observe(place);
  }
}

/** The drawer beside the composer: pages of what is being written, or of a message on its way. */
export function drawer(ask: Ask | string, told: Words, line = ""): void {
  const dialog = document.getElementById("drawer"), place = document.getElementById("drawer-sheets"), head = document.getElementById("drawer-line");
  if (!(dialog instanceof HTMLDialogElement) || !place) return;
  if (head) head.textContent = line;
  if (!dialog.open) dialog.showModal();
  const turn = String(Math.random());
  dialog.dataset["turn"] = turn;
  place.scrollTop = 0;
  void fill(place, typeof ask === "string" ? asked(ask) : ask, told, () => dialog.open && dialog.dataset["turn"] === turn);
}
