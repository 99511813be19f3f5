// Service levels: the time left counts down by itself, in working hours; a word when it runs out.

import { $$, say } from "./page";
import { ring } from "./notice";
import { toast } from "./toast";
import type { LevelTold } from "./socket";

const told = new Set<number>();

/** Seconds of working time between two moments, by the openings the server named. */
function worked(open: string, from: number, to: number): number {
  let sum = 0;
  for (const one of open.split(",")) {
    const [a = 0, b = 0] = one.split("-").map(Number);
    sum += Math.max(0, Math.min(b, to) - Math.max(a, from));
  }
  return sum;
}

function span(seconds: number): string {
  const minutes = Math.floor(seconds / 60), h = Math.floor(minutes / 60), m = minutes % 60;
  if (seconds < 60) return say("levelSeconds", { s: Math.floor(seconds) });
  if (minutes < 60) return say("levelMinutes", { m: minutes });
  return m && minutes < 600 ? say("levelBoth", { h, m }) : say("levelHours", { h });
}

function count(): void {
  const now = Date.now() / 1000;
  for (const place of $$("[data-level]")) {
    const { level = "0", at = "0", warn = "0", open = "" } = place.dataset;
    const left = Number(level) - worked(open, Number(at), now);
    const tone = left <= 0 ? "danger" : left <= Number(warn) ? "warn" : "accent";
    if (!place.classList.contains(tone)) { place.classList.remove("danger", "warn", "accent"); place.classList.add(tone); }
    const words = place.lastElementChild, text = say(left <= 0 ? "levelOver" : "levelLeft", { time: span(Math.abs(left)) });
    if (words && words.textContent !== text) words.textContent = text;
  }
}

/** A promise is due soon, or was not kept: once, whoever told it first. */
export function tellLevel(news: LevelTold, open: (conversation: number) => void): void {
  if (told.has(news.id)) return;
  told.add(news.id);
  const text = say(news.breached ? "levelBreached" : "levelWarned", { n: news.conversation, what: say(`level_${news.target}`) });
  toast(text, { bad: news.breached, seconds: 12, choice: { name: say("openIt"), run: () => go(news.conversation, open) } });
  ring();
}

function go(conversation: number, open: (conversation: number) => void): void {
  if (document.getElementById("list")) open(conversation);
  else location.assign(`/desk/conversations/${conversation}`);
}

export function startLevels(): void {
  setInterval(count, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) count(); });
  count();
}
