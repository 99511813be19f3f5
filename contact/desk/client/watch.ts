// How far messages on their way have come: asked every two seconds, only while there are any that somebody can see.

import { $$ } from "./page";
import { api } from "./net";
import * as thread from "./thread";

const EVERY = 2000;
let timer = 0;

/** Look after what the page shows now; called whenever rows came or went. */
export function watch(): void {
  if (!timer && $$("[data-watch]").length) timer = window.setTimeout(() => void look(), EVERY);
}

async function look(): Promise<void> {
  timer = 0;
  const places = $$("[data-watch]");
  if (!places.length) return;
  if (!document.hidden) {
    const ids = [...new Set(places.map((place) => place.dataset["watch"]))].join(",");
    const told = await api<Record<string, { state: string; text: string }>>("GET", `/desk/api/deliveries/progress?ids=${ids}`).catch(() => ({}) as Record<string, { state: string; text: string }>);
    let moved = false;
    for (const place of places) {
      const now = told[place.dataset["watch"] ?? ""];
      if (!now) continue;
      if (place.textContent !== now.text) place.textContent = now.text;
      moved ||= now.state !== place.dataset["state"];
    }
    if (moved) void thread.catchUp();
  }
  watch();
}
