// The partners' own pages, alive: numbers and lists are asked for again when something has changed.
// Without this script everything works, as of the moment the page was made.

import { io } from "socket.io-client";

interface Counts { bell: number; counts: Record<string, number> }

/** Milliseconds: many pages are told of one change, and must not all ask in the same moment. */
const SPREAD = 1500;
/** Even without a word from the server: what ends by itself (a notice) tells nobody. */
const EVERY = 60_000;

const all = (selector: string): HTMLElement[] => [...document.querySelectorAll<HTMLElement>(selector)];
const title = document.title;
let waiting = 0;
let shown = "";
let joined = false;

/** Whether they are others than the page had. */
function show(told: Counts): boolean {
  let others = false;
  const numbers: Record<string, number> = { ...told.counts, bell: told.bell };
  for (const place of all("[data-count]")) {
    const n = numbers[place.dataset["count"] ?? ""] ?? 0;
    const words = n < 100 ? String(n) : "99+";
    others ||= place.hidden !== (n === 0) || (n > 0 && place.textContent?.trim() !== words);
    place.hidden = n === 0;
    place.textContent = words;
  }
  document.title = told.bell ? `(${told.bell < 100 ? told.bell : "99+"}) ${title}` : title;
  return others;
}

async function ask(): Promise<void> {
  waiting = 0;
  let answer: Response;
  try {
    answer = await fetch("/board/counts", { headers: { Accept: "application/json" }, credentials: "same-origin" });
  } catch {
    return line(true);
  }
  if (answer.status === 401 || answer.status === 403) return location.reload();
  if (joined) line(false);
  if (!answer.ok) return;
  const told = (await answer.json()) as Counts;
  const others = show(told);
  const now = JSON.stringify(told);
  if (others || (shown && shown !== now)) await renew(); // the page may be older than the line
  shown = now;
}

/** The lists on this page, as they are now; never under somebody's fingers. */
async function renew(): Promise<void> {
  const lists = all("[data-live]").filter((one) => one.id && !one.contains(document.activeElement));
  if (!lists.length) return;
  const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => undefined);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const one of lists) {
    const fresh = page.getElementById(one.id);
    if (fresh) one.replaceChildren(...fresh.childNodes);
  }
}

function soon(spread = SPREAD): void {
  waiting ||= window.setTimeout(() => void ask(), 100 + Math.random() * spread);
}

function line(off: boolean): void {
  document.documentElement.dataset["line"] = off ? "off" : "on";
  for (const one of all(".board-line")) one.hidden = !off;
}

function connect(): void {
  let lost = 0;
  const socket = io("/board", { path: "/socket.io", transports: ["websocket", "polling"], reconnectionDelay: 500, reconnectionDelayMax: 8000, timeout: 8000 });
  const gone = (): void => { joined = false; lost ||= window.setTimeout(() => line(true), 1500); };
  socket.on("connect", () => {
    clearTimeout(lost);
    lost = 0;
    joined = true;
    line(false);
    soon(shown ? SPREAD : 0);
  });
  socket.on("disconnect", (reason) => {
    gone();
    if (reason === "io server disconnect") window.setTimeout(() => socket.connect(), 1000);
  });
  socket.on("connect_error", () => {
    gone();
    if (!socket.active) window.setTimeout(() => socket.connect(), 5000);
  });
  socket.on("changed", () => soon());
  socket.on("out", () => location.reload());
}

window.addEventListener("offline", () => line(true));
window.addEventListener("online", () => soon(0));
window.addEventListener("pageshow", (event) => { if (event.persisted) soon(0); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(0); });
window.setInterval(() => { if (!document.hidden) soon(); }, EVERY);
if (document.querySelector(".board-line")) connect();
