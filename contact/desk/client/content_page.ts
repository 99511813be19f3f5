// The editor of a content: its formatting, its fields, and beside it what a recipient would get, while it is written.

import type { Deed, Editor } from "./editor";
import { make, settled } from "./page";
import { fill, type Words } from "./sheets";

interface Group { char: string; shown: string; code: string; why: string; count: number }
interface Weight { line: string; problems: Group[]; more: number; advice: string[] }
interface Seen { problem: string; line: number; empty: string[]; auto: string; subject: string; text: string; html: boolean; pages: boolean; weight: Weight | null; law: [string, string][]; hints: string }

const one = <T extends HTMLElement>(selector: string, root: ParentNode): T | null => root.querySelector<T>(selector);

/** What the law wants of the sender begins with this field. */
const SENDER = "{{ sender }}";

export function contentPage(form: HTMLFormElement): void {
  let editor: Editor | null = null;
  let last: HTMLTextAreaElement | HTMLInputElement | "editor" | null = null;
  const html = one<HTMLTextAreaElement>("textarea[name=html]", form), text = one<HTMLTextAreaElement>("textarea[name=text]", form);
  const auto = one<HTMLInputElement>("input[name=auto]", form);
  const soon = settled(() => void look(form, html, text, auto), 300, 900);

  const rich = async (): Promise<void> => {
    if (!html || editor) return;
    const { edit } = (await import(form.dataset["editor"] ?? "")) as typeof import("./editor");
    editor = edit({
      place: html, text: "", html: html.value || "<div></div>", from: 0, to: 0, label: html.getAttribute("aria-label") ?? "", picture: (cid) => `/c/${cid}`,
      mailing: true, button: form.dataset["button"] ?? "", files: (files) => void bring(files),
      changed: () => { if (editor) { html.value = editor.html(); changed = true; soon(); } },
      state: (state) => {
        if (editor) follow(state.button === true);
        for (const button of form.querySelectorAll<HTMLElement>("[data-deed]")) button.setAttribute("aria-pressed", String(state[button.dataset["deed"] as Deed] ?? false));
      },
    });
    html.hidden = true;
    last = "editor";
    form.classList.add("rich");
  };
  const source = (): void => {
    if (!html || !editor) return;
    html.value = editor.html();
    editor.destroy();
    editor = null;
    if (bar) bar.hidden = true;
    if (dressing) dressing.hidden = true;
    html.hidden = false;
    last = html;
    form.classList.remove("rich");
  };
  const mode = async (to: string): Promise<void> => {
    if (to === "rich") await rich().catch(() => source()); else source();
    for (const button of form.querySelectorAll<HTMLElement>("[data-mode-to]")) button.setAttribute("aria-checked", String((button.dataset["modeTo"] === "rich") === (editor !== null)));
  };

  const tools = one("[data-tools]", form), bar = one("[data-link]", form), to = bar ? one<HTMLInputElement>("[data-to]", bar) : null;
  const label = bar ? one<HTMLInputElement>("[data-label]", bar) : null;
  const dressing = one("[data-dressing]", form), alt = one<HTMLInputElement>("[data-alt]", form), wide = one<HTMLSelectElement>("[data-wide]", form);
  /** What is chosen brings its own bar: a button where it leads, a picture what it shows and how wide. */
  const follow = (button: boolean): void => {
    const picture = editor?.chosen() ?? null;
    if (dressing && alt && wide) {
      if (picture && dressing.hidden) { alt.value = picture.alt; wide.value = [...wide.options].find((each) => Number(each.value) >= picture.width)?.value ?? wide.value; }
      dressing.hidden = !picture;
    }
    if (!bar || !to || bar.contains(document.activeElement)) return;
    const now = button ? editor?.button() : null;
    if (label) label.hidden = !now;
    if (now && label) { bar.hidden = false; bar.dataset["of"] = "button"; label.value = now.label; to.value = now.href; }
    else if (bar.dataset["of"] === "button") bar.hidden = true;
  };
  const whole = (line: string): string => (!line || /^(https?:\/\/|mailto:|tel:|\{\{)/i.test(line) ? line : `https://${line}`);
  const press = (): void => { if (bar?.dataset["of"] === "button" && label && to) editor?.setButton(label.value, whole(to.value.trim())); };
  label?.addEventListener("input", press);
  to?.addEventListener("input", press);
  const dress = (): void => { const now = editor?.chosen(); if (now && alt && wide) editor?.dress(alt.value, Math.min(Number(wide.value), 1200)); };
  alt?.addEventListener("input", dress);
  wide?.addEventListener("change", dress);
  const bring = async (files: File[]): Promise<void> => {
    const says = one("[data-brought]", form);
    for (const file of files) {
      if (says) { says.hidden = false; says.textContent = (says.dataset["busy"] ?? "").replace("{name}", file.name); }
      const told = await upload(form, file).catch((error: unknown) => (error instanceof Error ? error.message : ""));
      if (typeof told === "string") { if (says) says.textContent = told || (says.dataset["lost"] ?? ""); return; }
      const width = Math.min(told.width, INSIDE), height = Math.round(told.height * (width / told.width));
      if (editor) { editor.picture(told.cid, "", width, height); alt?.focus(); if (alt) alt.placeholder = told.alt || alt.placeholder; }
      else put(`<img src="cid:${told.cid}" alt="${told.alt.replace(/[<>"&]/g, "")}" width="${width}" height="${height}">`);
    }
    if (says) says.hidden = true;
  };
  const picker = one<HTMLInputElement>("[data-picker]", form);
  picker?.addEventListener("change", () => { void bring([...(picker.files ?? [])]); picker.value = ""; });
  if (tools) tools.hidden = false;
  const setLink = (): void => {
    if (bar?.dataset["of"] === "button") { press(); return editor?.focus(false); }
    editor?.setLink(whole(to?.value.trim() ?? ""));
    if (bar) bar.hidden = true;
  };
  if (bar) one("button", bar)?.addEventListener("click", setLink);
  bar?.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); setLink(); } });

  form.addEventListener("click", (event) => {
    const at = (event.target as Element).closest<HTMLElement>("[data-deed], [data-mode-to], [data-field], [data-facts], [data-see]");
    if (!at) return;
    if (at.dataset["facts"]) return void facts(at.dataset["facts"]);
    if (at.dataset["see"]) return see(at);
    if (at.dataset["modeTo"]) return void mode(at.dataset["modeTo"]);
    if (at.dataset["field"]) return put(at.dataset["field"]);
    const deed = at.dataset["deed"] as Deed;
    if (deed === "button") { editor?.run(deed); return label?.select(); }
    if (deed !== "link") return editor?.run(deed);
    if (bar && to && editor) { bar.hidden = false; bar.dataset["of"] = ""; if (label) label.hidden = true; to.value = editor.link(); to.focus(); }
  });
  const facts = async (path: string): Promise<void> => {
    const found = await ask<{ html: string; text: string; subject: string }>(form, path).catch(() => null);
    if (!found) return;
    const subject = one<HTMLInputElement>("input[name=subject]", form);
    if (subject && found.subject) subject.value = found.subject;
    if (editor && found.html) { editor.end(found.html, SENDER); editor.focus(true); }
    else if (html && !html.hidden && found.html) html.value += `\n${found.html}`;
    if (text && !auto?.checked) text.value = `${text.value.trimEnd()}\n\n${found.text}`;
    soon();
  };
  const see = (at: HTMLElement): void => {
    const place = one("[data-frame-place]", form), how = at.dataset["see"] ?? "", on = at.getAttribute("aria-pressed") !== "true";
    at.setAttribute("aria-pressed", String(on));
    place?.classList.toggle(how, on);
    const body = place ? one<HTMLIFrameElement>("iframe", place)?.contentDocument?.body : null;
    if (body) shade(body, place?.classList.contains("dark") ?? false);
  };
  let changed = false;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
  const put = (field: string): void => {
    document.getElementById("content-fields")?.hidePopover();
    if (last === "editor" && editor) { const box = make("div", {}, field); editor.paste(box.innerHTML); return; }
    const place = last && last !== "editor" ? last : html && !html.hidden ? html : text;
    if (!place) return;
    place.setRangeText(field, place.selectionStart ?? place.value.length, place.selectionEnd ?? place.value.length, "end");
    place.focus();
    soon();
  };
  form.addEventListener("focusin", (event) => {
    const at = event.target as Element;
    if (at.closest(".rich-words")) last = "editor";
    else if (at.matches("[data-words]")) last = at as HTMLTextAreaElement;
  });
  form.addEventListener("input", soon);
  form.addEventListener("change", () => { if (text && auto) text.readOnly = auto.checked; soon(); });
  if (text && auto) text.readOnly = auto.checked;
  void (html?.dataset["rich"] ? mode("rich") : Promise.resolve()).then(() => look(form, html, text, auto));
}

let turn = 0;

async function look(form: HTMLFormElement, html: HTMLTextAreaElement | null, text: HTMLTextAreaElement | null, auto: HTMLInputElement | null): Promise<void> {
  const mine = ++turn;
  const blank = !(html?.value.trim() || text?.value.trim());
  const seen = blank ? null : await ask<Seen>(form, form.dataset["look"] ?? "").catch(() => null);
  if (mine !== turn) return;
  const problem = one("[data-problem]", form);
  if (problem) {
    problem.hidden = !seen?.problem;
    problem.textContent = seen ? `${seen.line > 1 ? `${(problem.dataset["line"] ?? "").replace("{n}", String(seen.line))} ` : ""}${seen.problem}` : "";
  }
  if (seen?.problem) return;
  if (seen && auto?.checked && text) text.value = seen.auto;
  weigh(form, seen?.weight ?? null);
  const law = one("[data-law]", form);
  if (law) {
    law.hidden = !seen?.law.length;
    law.replaceChildren(...(seen?.law ?? []).map(([sentence, mend]) => make("li", {}, make("b", {}, sentence), ` ${mend}`)));
  }
  const hints = one("[data-hints]", form);
  if (hints) { hints.hidden = !seen?.hints; hints.textContent = seen?.hints ?? ""; }
  show(form, seen);
}

function weigh(form: HTMLFormElement, weight: Weight | null): void {
  const line = one("[data-weight]", form), box = one("[data-unsendable]", form), advice = one("[data-advice]", form);
  if (line) { line.hidden = !weight?.line; line.textContent = weight?.line ?? ""; }
  if (advice) { advice.hidden = !weight?.advice.length; advice.textContent = weight?.advice.join(" ") ?? ""; }
  if (!box) return;
  box.hidden = !weight?.problems.length;
  const lines = (weight?.problems ?? []).map((each) => make("li", {}, ...(each.char ? [make("span", { class: "glyph" }, each.shown || each.code)] : []), make("span", {}, each.why, each.count > 1 ? ` (${each.count})` : "")));
  box.replaceChildren(make("p", {}, box.dataset["more"] ?? ""), make("ul", {}, ...lines));
}

function show(form: HTMLFormElement, seen: Seen | null): void {
  const empty = one("[data-empty]", form), subject = one("[data-subject]", form), text = one("[data-text]", form);
  const frame = one("[data-frame-place]", form), pages = one("[data-pages-place]", form);
  if (empty) { empty.hidden = !seen?.empty.length; empty.textContent = (empty.dataset["said"] ?? "").replace("{names}", seen?.empty.join(", ") ?? ""); }
  if (subject) { subject.hidden = !seen?.subject; subject.textContent = seen?.subject ?? ""; }
  if (text) { text.hidden = !seen || seen.html || seen.pages; text.textContent = seen?.text ?? ""; }
  if (frame) { frame.hidden = !seen?.html; if (seen?.html) framed(form, frame); else frame.replaceChildren(); }
  if (!pages) return;
  pages.hidden = !seen?.pages;
  if (!seen?.pages) return void pages.replaceChildren();
  const { page = "", more = "", busy = "", none = "", lost = "" } = pages.dataset, words: Words = { page, more, busy, none, lost };
  const mine = turn;
  void fill(pages, (from, limit) => ask(form, form.dataset["pages"] ?? "", { from: String(from), limit: String(limit) }), words, () => mine === turn);
}

/** A new frame each time: one that goes on to another page would stand in the browser's history. */
function framed(form: HTMLFormElement, place: HTMLElement): void {
  const frame = make("iframe", { class: "mailview", name: `look-${turn}`, title: place.dataset["title"] ?? "", sandbox: "allow-same-origin allow-popups allow-popups-to-escape-sandbox" });
  frame.addEventListener("load", () => {
    const height = frame.contentDocument?.body?.scrollHeight ?? 0;
    if (frame.contentDocument?.body) shade(frame.contentDocument.body, place.classList.contains("dark"));
    if (height) frame.style.blockSize = `${Math.min(Math.max(height + 24, 80), 4000)}px`;
  });
  place.replaceChildren(frame);
  const asked = make("form", { method: "post", action: form.dataset["frame"] ?? "", target: frame.name, hidden: "" });
  for (const [name, value] of new FormData(form)) asked.append(make("input", { type: "hidden", name, value: String(value) }));
  document.body.append(asked);
  asked.submit();
  asked.remove();
}

/** What programs with a dark screen make of a mail, about: colours turned round, pictures as they are. */
function shade(body: HTMLElement, dark: boolean): void {
  body.style.filter = dark ? "invert(0.92) hue-rotate(180deg)" : "";
  body.style.backgroundColor = dark ? "#fff" : "";
  body.ownerDocument.documentElement.style.backgroundColor = dark ? "#1b1b1b" : "";
  for (const picture of body.querySelectorAll<HTMLElement>("img")) picture.style.filter = dark ? "invert(1) hue-rotate(180deg)" : "";
}

interface Brought { cid: string; width: number; height: number; alt: string }
const INSIDE = 536; // pixels between the margins of a mail

async function upload(form: HTMLFormElement, file: File): Promise<Brought> {
  const body = new FormData();
  body.set("csrf", one<HTMLInputElement>("input[name=csrf]", form)?.value ?? "");
  body.set("file", file);
  const answer = await fetch(form.dataset["pictures"] ?? "", { method: "POST", credentials: "same-origin", headers: { Accept: "application/json" }, body });
  const found = (await answer.json()) as Brought & { message?: string };
  if (!answer.ok) throw new Error(found.message);
  return found;
}

async function ask<T>(form: HTMLFormElement, path: string, more: Record<string, string> = {}): Promise<T> {
  const body = new FormData(form);
  for (const [name, value] of Object.entries(more)) body.set(name, value);
  const answer = await fetch(path, { method: "POST", credentials: "same-origin", headers: { Accept: "application/json" }, body });
  const found = (await answer.json()) as T & { message?: string };
  if (!answer.ok) throw new Error(found.message);
  return found;
}
