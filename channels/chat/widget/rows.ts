/** The thread as rows: days, lines, what is on its way, and its state. */

import type { App } from "./app";
import { h, icon, ICONS, linked, type Row } from "./dom";
import type { FileLink } from "./protocol";
import { bytes, clock, day } from "./words";

interface Line {
  key: string;
  from: "visitor" | "agent" | "system";
  name: string;
  text: string;
  files: FileLink[];
  at: string | number;
  pending?: boolean;
  failed?: string;
}

const TOGETHER = 3 * 60_000;

export function rows(app: App): Row[] {
  const lines = allLines(app);
  const out: Row[] = [];
  lines.forEach((line, index) => {
    const before = lines[index - 1];
    const after = lines[index + 1];
    if (!before || sameDay(before.at) !== sameDay(line.at)) out.push(dayRow(app, line.at));
    out.push(line.from === "system" ? system(line) : message(app, line, !joins(before, line), !joins(line, after)));
  });
  const state = stateRow(app, lines.at(-1));
  if (state) out.push(state);
  if (app.ended && lines.length) out.push(words("ended", `${app.words.ended}. ${app.words.more}`));
  return out;
}

function allLines(app: App): Line[] {
  const known = app.thread.items.map((item) => ({ ...item, key: item.id ?? `n${item.n}` }));
  const own = app.pending().map((unsent) => ({
    key: unsent.id,
    from: "visitor" as const,
    name: "",
    text: unsent.text,
    files: unsent.files.map((file) => ({ ...file, url: "" })),
    at: unsent.at,
    pending: true,
    failed: unsent.failed,
  }));
  return [...known, ...own];
}

const sameDay = (at: string | number): string => new Date(at).toDateString();

function joins(a: Line | undefined, b: Line | undefined): boolean {
  if (!a || !b || a.from !== b.from || a.name !== b.name || a.failed || b.failed) return false;
  return sameDay(a.at) === sameDay(b.at) && +new Date(b.at) - +new Date(a.at) < TOGETHER;
}

function dayRow(app: App, at: string | number): Row {
  return { key: `day${sameDay(at)}`, make: () => h("div.day", {}, h("span", {}, day(at, app.lang))) };
}

function words(key: string, text: string): Row {
  return { key, make: () => h("div.sys", {}, text) };
}

function system(line: Line): Row {
  return { key: line.key, make: () => h("div.sys", {}, line.text) };
}

function message(app: App, line: Line, first: boolean, last: boolean): Row {
  const mine = line.from === "visitor";
  return {
    key: line.key,
    make: () => {
      const name = mine ? app.words.you : line.name || (app.hello?.name ?? "");
      const body = h("div.line", {});
      const column = h("div.pics");
      if (line.text) body.append(h("div.bub", {}, ...linked(line.text, app.words.link)));
      body.append(h("time", { dateTime: new Date(line.at).toISOString() }, clock(line.at, app.lang)));
      column.append(...line.files.map((file) => attachment(file)));
      return h(
        "div.msg",
        {},
        !mine && h("span.ava", { "aria-hidden": "true" }, [...name][0] ?? "·"),
        h("span.who", {}, name),
        h("span.vh", {}, mine ? `${app.words.you}: ` : ""),
        line.files.length > 0 && column,
        body,
      );
    },
    update: (element) => {
      element.className = ["msg", mine && "mine", first && "first", last && "last", line.pending && "pending", line.failed && "bad"].filter(Boolean).join(" ");
      renewLinks(element, line);
      const act = element.querySelector(".act");
      if (line.failed && !act) element.append(failed(app, line));
      else if (!line.failed) act?.remove();
    },
  };
}

/** Our own files have no address until the server has told it. */
function renewLinks(element: HTMLElement, line: Line): void {
  element.querySelectorAll<HTMLElement>(".pics>*").forEach((shown, index) => {
    const file = line.files[index];
    if (file?.url && !shown.hasAttribute("href")) shown.replaceWith(attachment(file));
  });
}

function failed(app: App, line: Line): HTMLElement {
  return h(
    "div.act",
    { role: "alert" },
    h("span", {}, line.failed ?? app.words.failed),
    h("button.link", { type: "button", onclick: () => app.outgoing.retry(line.key) }, app.words.again),
    h("button.link", { type: "button", onclick: () => app.outgoing.drop(line.key) }, app.words.remove),
  );
}

function attachment(file: FileLink): HTMLElement {
  const link: HTMLElement = h(file.url ? "a" : "div", file.url ? { href: file.url, target: "_blank", rel: "noopener" } : {});
  if (file.url && /^image\/(png|jpeg|gif|webp|avif)$/.test(file.type)) {
    link.className = "pic";
    const image = h("img", { src: file.url, alt: file.name, loading: "lazy" });
    // the shop's own policy may forbid foreign images: a plain link still works
    image.onerror = () => link.replaceWith(plain(h("a", { href: file.url, target: "_blank", rel: "noopener" }), file));
    link.append(image);
    return link;
  }
  return plain(link, file);
}

function plain(link: HTMLElement, file: FileLink): HTMLElement {
  link.className = "doc";
  link.append(icon(ICONS.file), h("span", {}, file.name, h("small", {}, bytes(file.size))));
  return link;
}

function stateRow(app: App, last: Line | undefined): Row | null {
  if (last?.from !== "visitor" || last.failed) return null;
  const { words } = app;
  const n = app.thread.last();
  const text = last.pending ? (app.wire.up ? words.sending : words.unsent) : app.seen >= n ? words.read : words.sent;
  return {
    key: "state",
    make: () => h("div.state", { "aria-live": "off" }),
    update: (element) => {
      if (element.textContent !== text) element.textContent = text;
    },
  };
}
