// Side pages: what is live, copied or tried on them. Every page works without this, too.

import { answerPage, automaticPage } from "./answer_page";
import { contentPage } from "./content_page";
import { noticePage } from "./notice_page";
import { preview } from "./preview";

const LOOK_EVERY = 2000;

/** Ask for a piece of the page every two seconds; it is answered with 304 while nothing is new. */
function poll(place: HTMLElement): void {
  const path = place.dataset["poll"] ?? "";
  let tag = "";
  const look = async (): Promise<void> => {
    if (document.hidden) return;
    try {
      const headers: Record<string, string> = { Accept: "text/html" };
      if (tag) headers["If-None-Match"] = tag;
      const answer = await fetch(path, { credentials: "same-origin", cache: "no-store", headers });
      if (answer.status === 401 || answer.redirected) location.reload();
      if (!answer.ok) return;
      const first = !tag;
      tag = answer.headers.get("ETag") ?? "";
      const html = await answer.text();
      if (first && html.trim() === place.innerHTML.trim()) return;
      replace(place, html);
    } catch { /* the next look may reach the server */ }
  };
  setInterval(() => void look(), LOOK_EVERY);
  document.addEventListener("visibilitychange", () => void look());
}

/** A piece that takes a while to make: asked for once, when the page is there. */
async function load(place: HTMLElement): Promise<void> {
  try {
    const answer = await fetch(place.dataset["load"] ?? "", { credentials: "same-origin", headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    place.innerHTML = await answer.text();
  } catch { place.textContent = place.dataset["lost"] ?? ""; }
}

/** New content, with the focus where it was. */
function replace(place: HTMLElement, html: string): void {
  const focused = place.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
  place.innerHTML = html;
  if (focused) [...place.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
}

/** A frame as high as what is in it: the page scrolls, not the frame. */
function fit(frame: HTMLIFrameElement): void {
  const grow = (): void => {
    const height = frame.contentDocument?.body?.scrollHeight ?? 0;
    if (height) frame.style.blockSize = `${Math.min(Math.max(height + 24, 80), 20000)}px`;
  };
  frame.addEventListener("load", () => {
    grow();
    for (const picture of frame.contentDocument?.images ?? []) picture.addEventListener("load", grow);
  });
  if (frame.contentDocument?.readyState === "complete") grow();
}

/** Copy a field's text; the button says that it is done. */
function copy(button: HTMLButtonElement): void {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const from = document.getElementById(button.dataset["copy"] ?? "") as HTMLInputElement | null;
    if (!from) return;
    try {
      await navigator.clipboard.writeText(from.value);
    } catch { // no permission, or not a secure page
      from.select();
      document.execCommand("copy");
    }
    const said = button.querySelector("span") ?? button;
    const before = said.textContent;
    said.textContent = button.dataset["done"] ?? before;
    setTimeout(() => { said.textContent = before; }, 1800);
  });
}

/** "Try it" without leaving the form: what was typed stays, the answer stands beside the button. */
function attempt(button: HTMLButtonElement): void {
  const form = button.form, told = document.getElementById(button.dataset["try"] ?? "");
  if (!form || !told) return;
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    button.disabled = true;
    told.className = "muted";
    told.textContent = button.dataset["busy"] ?? "";
    try {
      const answer = await fetch(button.formAction, {
        method: "POST", credentials: "same-origin", headers: { Accept: "application/json" }, body: new FormData(form),
      });
      const found = (await answer.json()) as { message?: string; good?: boolean };
      told.className = found.good ? "tried good" : "tried bad";
      told.textContent = found.message ?? "";
    } catch {
      told.className = "tried bad";
      told.textContent = button.dataset["lost"] ?? "";
    } finally {
      button.disabled = false;
    }
  });
}

/** Fields that belong to one choice are shown with it. */
function choice(group: HTMLElement): void {
  const show = (): void => {
    const value = group.querySelector<HTMLInputElement>("input:checked")?.value ?? "";
    for (const part of document.querySelectorAll<HTMLElement>(`[data-when-${group.dataset["choice"]}]`)) {
      part.hidden = part.getAttribute(`data-when-${group.dataset["choice"]}`) !== value;
    }
  };
  group.addEventListener("change", show);
  show();
}

/** A page that waits for something looks again by itself, a few times. */
function again(place: HTMLElement): void {
  const left = Number(sessionStorage.getItem("looks") ?? "0");
  if (left >= Number(place.dataset["again"] ?? "0")) return sessionStorage.removeItem("looks");
  sessionStorage.setItem("looks", String(left + 1));
  setTimeout(() => location.reload(), 1500);
}

/** The timeline of a contact's own page: there is no conversation to ask for a piece of, so the page itself goes. */
function story(): void {
  const go = (name: string, value: string): void => {
    const to = new URL(location.href);
    for (const each of ["older", "notice"]) to.searchParams.delete(each);
    to.searchParams.set(name, value);
    location.assign(to);
  };
  document.addEventListener("change", (event) => {
    const chosen = event.target as HTMLSelectElement;
    if (chosen.id !== "story-filter") return;
    event.stopImmediatePropagation();
    go("only", chosen.value);
  }, true);
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-act=story-older]");
    if (!button) return;
    event.stopImmediatePropagation();
    go("older", button.dataset["older"] ?? "");
  }, true);
}

const all = <T extends HTMLElement>(selector: string): T[] => [...document.querySelectorAll<T>(selector)];

all("[data-poll]").forEach(poll);
all("[data-load]").forEach((place) => void load(place));
all<HTMLIFrameElement>("iframe[data-fit]").forEach(fit);
all<HTMLButtonElement>("button[data-copy]").forEach(copy);
all<HTMLButtonElement>("button[data-try]").forEach(attempt);
all("[data-choice]").forEach(choice);
all("[data-again]").forEach(again);
all("[data-look]").forEach(preview);
all(".page-tabs [aria-current]").forEach((tab) => tab.scrollIntoView({ inline: "center", block: "nearest" }));
all<HTMLFormElement>("form[data-answer-preview]").forEach(answerPage);
all<HTMLTextAreaElement>("textarea[data-reads]").forEach(automaticPage);
all<HTMLFormElement>("form[data-content]").forEach(contentPage);
all<HTMLFormElement>("form[data-notice-editor]").forEach(noticePage);
if (document.querySelector("[data-contact-page]")) story();

export {};
