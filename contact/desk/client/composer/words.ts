// The words of a letter: a plain field, and in its place an editor with formatting from the moment somebody asks
// for one. The editor is a file of its own that most pages never load. The plain field always holds the plain words.

import { $, $$, make, say } from "../page";
import { complain } from "../toast";
import type { Deed, Editor, State } from "../editor";
import { form, letter, mayFormat } from "./letter";

let editor: Editor | null = null;
/** Formatted words that stand in the plain field for now: they count while the plain ones are unchanged. */
let kept: { text: string; html: string } | null = null;
let tell: () => void = () => undefined;

export const plain = (): HTMLTextAreaElement => $<HTMLTextAreaElement>("#text") as HTMLTextAreaElement;
export const text = (): string => plain().value;
export const isEmpty = (): boolean => !text().trim() && !html();
export const isRich = (): boolean => editor !== null;

export function html(): string {
  if (!mayFormat()) return "";
  if (editor) return editor.html();
  return kept && kept.text === text() ? kept.html : "";
}

/** Formatted words that wait for a way or mode that carries formatting. */
export const waitsFormatted = (): boolean => !mayFormat() && kept !== null && kept.text === text();

/** The same for a draft, which keeps what the chosen way cannot carry. */
export const draftHtml = (): string => (waitsFormatted() && kept ? kept.html : html());

/** A composer has come onto the page; `changed` is told of every change. */
export function begin(changed: () => void): void {
  leave();
  tell = changed;
}

export function leave(): void {
  editor?.destroy();
  editor = null;
  kept = null;
}

export function put(words: string, formatted = ""): void {
  if (plain().value !== words) plain().value = words;
  kept = formatted ? { text: words, html: formatted } : null;
  if (!formatted) toPlain();
  else if (editor) { editor.put(formatted); plain().value = words; }
  else if (mayFormat()) void enrich(false);
}

export function focus(end = false): void {
  if (editor) return editor.focus(end);
  plain().focus();
  if (end) plain().setSelectionRange(text().length, text().length);
}

export const holds = (element: Element | null): boolean => $(".writing")?.contains(element) ?? false;

/** What stands before the caret, of its line at least. */
export function before(): string {
  if (editor) return editor.before();
  const field = plain();
  return field.selectionStart === field.selectionEnd ? field.value.slice(0, field.selectionStart) : "";
}

/** New words in place of the last `back` characters before the caret; formatted ones bring the editor. */
export async function swap(back: number, words: string, formatted: string): Promise<void> {
  const rich = formatted ? await enrich() : editor;
  if (rich) { await selected(); return rich.swap(back, formatted || words.split("\n").map((line) => make("div", {}, line).outerHTML).join("")); }
  const field = plain(), at = field.selectionStart;
  field.setRangeText(words, Math.max(0, at - back), at, "end");
  field.focus();
}

/** Select a piece of the words. */
export function select(piece: string): void {
  if (editor) return editor.select(piece);
  const field = plain(), at = field.value.indexOf(piece);
  if (at < 0) return;
  field.focus();
  field.setSelectionRange(at, at + piece.length);
}

/** Another way or mode was chosen: formatting that is possible no more waits for its return. */
export function fit(): void {
  if (!mayFormat() && editor) {
    kept = { text: text(), html: editor.html() };
    toPlain();
  } else if (mayFormat() && !editor && kept && kept.text === text()) void enrich(false);
}

function toPlain(): void {
  const focused = holds(document.activeElement);
  editor?.destroy();
  editor = null;
  plain().hidden = false;
  form()?.classList.remove("rich");
  mark({});
  if (focused) focus(true);
}

let loading: Promise<typeof import("../editor")> | undefined;

function load(): Promise<typeof import("../editor")> {
  const file = form()?.dataset["editor"] ?? "";
  loading ??= (import(file) as Promise<typeof import("../editor")>).catch((error: unknown) => { loading = undefined; throw error; });
  return loading;
}

/** The editor, made of what stands in the plain field; null when there may be none, or it could not be fetched. */
export async function enrich(focused = true): Promise<Editor | null> {
  if (editor || !mayFormat()) return editor;
  const { place } = letter;
  try {
    const { edit } = await load();
    while (letter.composing) await new Promise((done) => { plain().addEventListener("compositionend", done, { once: true }); });
    if (editor || !mayFormat() || letter.place !== place) return editor;
    const field = plain(), before = kept && kept.text === field.value ? kept.html : "";
    const held = focused || document.activeElement === field;
    editor = edit({
      place: field, text: field.value, html: before, from: field.selectionStart, to: field.selectionEnd, label: field.getAttribute("aria-label") ?? "",
      picture: (cid) => { const one = letter.images.find((image) => image.cid === cid); return one ? `/desk/api/files/${one.token}` : ""; },
      changed: () => { if (editor) { field.value = editor.text(); tell(); } },
      state: mark,
    });
    field.hidden = true;
    form()?.classList.add("rich");
    if (held) editor.focus(false);
    return editor;
  } catch (error) {
    console.warn(error);
    if (focused) complain(new Error(say("unreachable")));
    return null;
  }
}

/** Bold, a list ...: the first of them brings the editor. */
export async function format(deed: Deed): Promise<void> {
  const rich = await enrich();
  await selected();
  rich?.run(deed);
}

/** The browser tells of a moved cursor a moment after the key that moved it. */
const selected = (): Promise<void> => new Promise((done) => { window.setTimeout(done); });

/** Show in the toolbar what the cursor stands in. */
function mark(state: State): void {
  for (const button of $$("[data-format]")) button.setAttribute("aria-pressed", String(state[button.dataset["format"] as Deed] ?? false));
}

// -- links

export async function askLink(): Promise<void> {
  await selected();
  const rich = await enrich(), bar = $("#link-bar"), to = $<HTMLInputElement>("#link-to");
  if (!rich || !bar || !to) return;
  to.value = rich.link();
  bar.hidden = false;
  to.focus();
  to.select();
}

export function setLink(to: string | null): void {
  const bar = $("#link-bar");
  if (bar) bar.hidden = true;
  if (to === null) return editor?.focus(false);
  const line = to.trim();
  editor?.setLink(!line || /^(https?:\/\/|mailto:|tel:)/i.test(line) ? line : /^[^\s@/]+@[^\s@/]+$/.test(line) ? `mailto:${line}` : `https://${line}`);
}
