// The editor of a content: its formatting, its fields, and beside it what a recipient would get, while it is written.

import type { Deed, Editor } from "./editor";
import { make, settled } from "./page";
import { fill, type Words } from "./sheets";

interface Group { char: string; shown: string; code: string; why: string; count: number }
interface Weight { line: string; problems: Group[]; more: number; advice: string[] }
interface Seen { problem: string; line: number; empty: string[]; auto: string; subject: string; text: string; html: boolean; pages: boolean; weight: Weight | null; law: [string, string][] }

const one = <T extends HTMLElement>(selector: string, root: ParentNode): T | null => root.querySelector<T>(selector);

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
      place: html, text: "", html: html.value || "<div></div>", from: 0, to: 0, label: html.getAttribute("aria-label") ?? "", picture: () => "",
      changed: () => { if (editor) { html.value = editor.html(); soon(); } },
      state: (state) => { for (const button of form.querySelectorAll<HTMLElement>("[data-deed]")) button.setAttribute("aria-pressed", String(state[button.dataset["deed"] as Deed] ?? false)); },
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
    html.hidden = false;
    last = html;
    form.classList.remove("rich");
  };
  const mode = async (to: string): Promise<void> => {
    if (to === "rich") await rich().catch(() => source()); else source();
    for (const button of form.querySelectorAll<HTMLElement>("[data-mode-to]")) button.setAttribute("aria-checked", String((button.dataset["modeTo"] === "rich") === (editor !== null)));
  };

  const tools = one("[data-tools]", form), bar = one("[data-link]", form), to = bar ? one<HTMLInputElement>("input", bar) : null;
  if (tools) tools.hidden = false;
  const setLink = (): void => {
    const line = to?.value.trim() ?? "";
    editor?.setLink(!line || /^(https?:\/\/|mailto:|tel:|\{\{)/i.test(line) ? line : `https://${line}`);
    if (bar) bar.hidden = true;
  };
  if (bar) one("button", bar)?.addEventListener("click", setLink);
  to?.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); setLink(); } });

  form.addEventListener("click", (event) => {
    const at = (event.target as Element).closest<HTMLElement>("[data-deed], [data-mode-to], [data-field]");
    if (!at) return;
    if (at.dataset["modeTo"]) return void mode(at.dataset["modeTo"]);
    if (at.dataset["field"]) return put(at.dataset["field"]);
    const deed = at.dataset["deed"] as Deed;
    if (deed !== "link") return editor?.run(deed);
    if (bar && to && editor) { bar.hidden = false; to.value = editor.link(); to.focus(); }
  });
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
    if (height) frame.style.blockSize = `${Math.min(Math.max(height + 24, 80), 4000)}px`;
  });
  place.replaceChildren(frame);
  const asked = make("form", { method: "post", action: form.dataset["frame"] ?? "", target: frame.name, hidden: "" });
  for (const [name, value] of new FormData(form)) asked.append(make("input", { type: "hidden", name, value: String(value) }));
  document.body.append(asked);
  asked.submit();
  asked.remove();
}

async function ask<T>(form: HTMLFormElement, path: string, more: Record<string, string> = {}): Promise<T> {
  const body = new FormData(form);
  for (const [name, value] of Object.entries(more)) body.set(name, value);
  const answer = await fetch(path, { method: "POST", credentials: "same-origin", headers: { Accept: "application/json" }, body });
  const found = (await answer.json()) as T & { message?: string };
  if (!answer.ok) throw new Error(found.message);
  return found;
}
