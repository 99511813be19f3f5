// The draft: kept on the server within half a second, the same on every device of the agent.

import { $, icon, make, say, settled } from "../page";
import { api, post, Refused } from "../net";
import * as list from "../list";
import { arrived, copies, device, form, input, letter, LINES, lines, way, type Draft, type Fields } from "./letter";
import * as files from "./files";
import * as words from "./words";

let saving: Promise<void> | null = null, elsewhere: Draft | null = null;
let told: { mode(mode: Draft["mode"]): void; shape(): void; changed(): void };

export function begin(ears: typeof told): void {
  told = ears;
  elsewhere = null;
  const kept = JSON.parse($("#draft")?.textContent ?? "null") as Draft | null;
  if (kept) fill(kept);
}

export const isSaving = (): Promise<void> | null => saving;

/** Everything of the letter but its plain words. */
export function fields(): Fields {
  const html = words.draftHtml();
  const images = html ? letter.images.filter((one) => html.includes(`cid:${one.cid}`)) : [];
  return { ...lines(), files: letter.files, ...(html ? { html, images } : {}) };
}

function fill(draft: Draft): void {
  letter.version = draft.version;
  letter.seen = draft.seen;
  letter.files = draft.fields.files ?? [];
  letter.images = draft.fields.images ?? [];
  const select = way();
  if (select && draft.fields.way && [...select.options].some((option) => option.value === draft.fields.way)) select.value = draft.fields.way;
  told.mode(draft.mode);
  words.put(draft.text, draft.fields.html);
  for (const name of LINES) {
    const line = input(name);
    if (line && draft.fields[name] !== undefined) line.value = draft.fields[name] ?? "";
  }
  if (draft.fields.cc || draft.fields.bcc) copies(true);
  letter.dirty = false;
  files.show(told.changed);
  state("saved");
}

/** A draft that came from the server: another device, or a message taken back. */
export function adopt(draft: Draft): void {
  if (!letter.open || draft.conversation !== letter.place) return;
  fill(draft);
  told.shape();
  words.focus(true);
}

export const saveSoon = settled(() => void save(), 250, 450);

export async function save(): Promise<void> {
  if (saving) await saving;
  const { place } = letter;
  if (!letter.dirty || !letter.open || letter.busy || !form()) return; // a late timer: an empty draft with an old version must not go out after sending
  letter.dirty = false;
  const body = { mode: letter.mode, text: words.text(), fields: fields(), seen: letter.seen, version: letter.version, device };
  const here = (): boolean => letter.open && place === letter.place;
  saving = api<{ draft: Draft | null }>("PUT", `/desk/api/conversations/${place}/draft`, body).then(
    ({ draft }) => { if (here()) { letter.version = draft?.version ?? 0; if (!letter.dirty) state(draft ? "saved" : ""); } }, // dirty: more was typed meanwhile
    (error: unknown) => {
      if (!here()) return;
      if (error instanceof Refused && error.code === "draft_moved") return moved(error.data["draft"] as Draft | null);
      letter.dirty = true;
      state("unsaved", error instanceof Refused && error.status ? error.message : "");
      if (!(error instanceof Refused) || !error.status || error.status >= 500) window.setTimeout(saveSoon, 2000);
    },
  ).finally(() => { saving = null; });
  await saving;
}

export function state(name: string, why = ""): void {
  const place = $("#draft-state");
  if (place) { place.textContent = why || (name ? say(name) : ""); place.dataset["state"] = name; }
}

/** Another device saved in between: the person decides, unless the words are the same. */
function moved(theirs: Draft | null): void {
  if (!theirs) { letter.version = 0; letter.dirty = true; saveSoon(); return; }
  if (theirs.text === words.text() && (theirs.fields.html ?? "") === words.html()) { letter.version = theirs.version; return state("saved"); }
  if (words.isEmpty()) return fill(theirs);
  elsewhere = theirs;
  const bar = $("#elsewhere");
  if (!bar) return;
  const take = make("button", { type: "button", class: "button small" }, say("takeTheirs"));
  const keep = make("button", { type: "button", class: "button small" }, say("keepMine"));
  take.addEventListener("click", () => { if (elsewhere) adopt(elsewhere); bar.hidden = true; });
  keep.addEventListener("click", () => { letter.version = elsewhere?.version ?? letter.version; letter.dirty = true; bar.hidden = true; void save(); words.focus(); });
  bar.replaceChildren(icon("swap"), make("span", { class: "grow" }, say("elsewhere")), take, keep);
  bar.hidden = false;
}

/** A live word from another device of the same agent. */
export function fromElsewhere(place: number, draft: Draft | null, from: string): void {
  list.refreshSoon();
  if (!letter.open || place !== letter.place || from === device || letter.dirty || saving || letter.composing || letter.busy) return;
  if (draft) fill(draft);
  else clear();
  told.shape();
}

/** Sent, or thrown away: the composer is as it was at first. */
export function clear(): void {
  Object.assign(letter, { files: [], images: [], version: 0, seen: 0, key: "", dirty: false });
  words.put("");
  for (const name of LINES) { const line = input(name); if (line) line.value = letter.base[name] ?? ""; }
  arrived(false);
  state("");
  files.show(told.changed);
  told.shape();
}

/** Thrown away by the person who wrote it, on every device. */
export function discard(): void {
  const { version } = letter;
  clear();
  for (const name of LINES) { const line = input(name); if (line) line.value = ""; }
  Object.assign(letter, { version, dirty: version > 0 });
  void save();
}

/** Take a message back before it leaves. Its words come behind those begun since; nothing on screen is lost. */
export async function takeBack(delivery: number | string): Promise<Draft | null> {
  // The server joins what it has; but the undo time runs, so a slow save is not waited for.
  if (letter.dirty || saving) await Promise.race([save(), new Promise((done) => { window.setTimeout(done, 1000); })]);
  const { draft } = await post<{ draft: Draft | null }>(`/desk/api/deliveries/${delivery}/cancel`, { device });
  if (!letter.open || draft?.conversation !== letter.place) return draft;
  if (saving) await saving;
  if (draft.text.startsWith(words.text().trimEnd())) adopt(draft);
  else moved(draft);
  return draft;
}
