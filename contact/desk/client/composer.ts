// One composer for all channels. Every word is kept on the server within half a second, follows the agent
// to other devices, and is sent once: the key of a message is made before the first try and kept until an answer.

import { $, $$, avatar, icon, make, say, settled, setup } from "./page";
import { api, post, Refused, upload, type Uploaded } from "./net";
import { complain, toast } from "./toast";
import { moment } from "./times";
import { look, type Row } from "./socket";
import * as thread from "./thread";
import * as list from "./list";

interface Kept extends Uploaded { }
interface Fields { way?: string; subject?: string; cc?: string; bcc?: string; files?: Kept[] }
export interface Draft { conversation: number; mode: "reply" | "note"; text: string; fields: Fields; seen: number; version: number }
interface Colleague { id: number; name: string; handle: string }

const device = crypto.randomUUID();
let conversation = 0, mode: "reply" | "note" = "reply", version = 0, seen = 0, key = "", dirty = false, saving: Promise<void> | null = null;
let files: Kept[] = [], uploading = 0, busy = false, composing = false, idle = 0, elsewhere: Draft | null = null, base: Fields = {};
let colleagues: Colleague[] = [];

const form = (): HTMLFormElement | null => $<HTMLFormElement>("#composer");
const text = (): HTMLTextAreaElement => $<HTMLTextAreaElement>("#text") as HTMLTextAreaElement;
const field = (id: string): HTMLInputElement | null => $<HTMLInputElement>(`#${id}`);
const way = (): HTMLSelectElement | null => $<HTMLSelectElement>("#way");
const can = (name: string): string => way()?.selectedOptions[0]?.dataset[name] ?? "";

// -- beginning and leaving

export function begin(): void {
  const box = form();
  if (!box) return;
  conversation = Number(box.dataset["conversation"]);
  mode = "reply"; version = 0; seen = 0; key = ""; dirty = false; files = []; elsewhere = null; composing = false; busy = false;
  base = fields();
  colleagues = JSON.parse($("#colleagues")?.textContent ?? "[]") as Colleague[];
  const kept = JSON.parse($("#draft")?.textContent ?? "null") as Draft | null;
  if (kept) fill(kept);
  shape();
  listen(box);
}

/** The thread goes away: what is not saved yet is saved now. */
export function leave(): void {
  if (conversation && dirty) void save();
  hideNames();
  conversation = 0;
}

function fill(draft: Draft): void {
  version = draft.version;
  seen = draft.seen;
  files = draft.fields.files ?? [];
  setMode(draft.mode, false);
  if (text().value !== draft.text) text().value = draft.text;
  const select = way();
  if (select && draft.fields.way && [...select.options].some((option) => option.value === draft.fields.way)) select.value = draft.fields.way;
  for (const name of ["subject", "cc", "bcc"] as const) {
    const input = field(name);
    if (input && draft.fields[name] !== undefined) input.value = draft.fields[name] ?? "";
  }
  if (draft.fields.cc || draft.fields.bcc) copies(true);
  dirty = false;
  showFiles();
  state("saved");
}

function fields(): Fields {
  return { way: way()?.value ?? "", subject: field("subject")?.value ?? "", cc: field("cc")?.value ?? "", bcc: field("bcc")?.value ?? "", files };
}

/** A draft that came from the server: another device, or a message taken back. */
export function adopt(draft: Draft): void {
  if (draft.conversation !== conversation) return;
  fill(draft);
  shape();
  text().focus();
  text().setSelectionRange(draft.text.length, draft.text.length);
}

// -- form

function listen(box: HTMLFormElement): void {
  box.addEventListener("submit", (event) => { event.preventDefault(); void send(); });
  box.addEventListener("input", (event) => { if ((event.target as Element).closest(".menu")) return; changed(); });
  box.addEventListener("change", (event) => { if (event.target === way()) { shape(); changed(); } });
  const words = text();
  words.addEventListener("compositionstart", () => { composing = true; });
  words.addEventListener("compositionend", () => { composing = false; });
  words.addEventListener("keydown", keys);
  words.addEventListener("paste", (event) => {
    const given = [...(event.clipboardData?.files ?? [])];
    if (given.length) { event.preventDefault(); attach(given); }
  });
  words.addEventListener("blur", () => { window.setTimeout(hideNames, 150); });
  field("file")?.addEventListener("change", (event) => {
    const input = event.target as HTMLInputElement;
    attach([...(input.files ?? [])]);
    input.value = "";
  });
  const drop = thread.thread();
  drop?.addEventListener("dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) { event.preventDefault(); box.classList.add("over"); } });
  drop?.addEventListener("dragleave", (event) => { if (!drop.contains(event.relatedTarget as Node | null)) box.classList.remove("over"); });
  drop?.addEventListener("drop", (event) => {
    box.classList.remove("over");
    const given = [...(event.dataTransfer?.files ?? [])];
    if (given.length) { event.preventDefault(); attach(given); }
  });
  new ResizeObserver(() => thread.thread()?.style.setProperty("--composer", `${box.offsetHeight}px`)).observe(box);
}

/** Show what the chosen channel can, and nothing else. */
function shape(): void {
  const box = form();
  if (!box) return;
  box.classList.toggle("no-subject", can("subject") !== "1");
  box.classList.toggle("no-cc", can("cc") !== "1");
  const words = text();
  words.placeholder = words.dataset[mode] ?? "";
  const max = Number(can("max") || 0), over = max && words.value.length > max * 0.9, count = $("#count");
  if (count) {
    count.hidden = mode === "note" || !over;
    count.textContent = `${words.value.length} / ${max}`;
    count.classList.toggle("over", words.value.length > max);
  }
}

export function setMode(next: "reply" | "note", focus = true): void {
  const box = form();
  if (!box) return;
  mode = next;
  box.dataset["mode"] = next;
  for (const button of $$("[data-mode-set]", box)) button.setAttribute("aria-checked", String(button.dataset["modeSet"] === next));
  shape();
  if (focus) { text().focus(); if (text().value) changed(); }
}

export function copies(on?: boolean): void {
  const place = $("#copies"), button = $("[data-act=copies]");
  if (!place) return;
  place.hidden = on === undefined ? !place.hidden : !on;
  button?.setAttribute("aria-expanded", String(!place.hidden));
}

function changed(): void {
  if (!seen && (text().value || files.length)) seen = Math.max(thread.newest(), Number(thread.thread()?.dataset["head"] ?? 0));
  if (!text().value && !files.length) { seen = 0; arrived(false); }
  dirty = true;
  state("saving");
  shape();
  mention();
  saveSoon();
  look(conversation, mode === "note" ? "noting" : text().value ? "writing" : "viewing");
  clearTimeout(idle);
  idle = window.setTimeout(() => look(conversation, "viewing"), 4000);
}

// -- drafts

const saveSoon = settled(() => void save(), 250, 450);

async function save(): Promise<void> {
  if (saving) await saving;
  const number = conversation;
  if (!dirty || !number || busy || !form()) return; // a late timer: an empty draft with an old version must not go out after sending
  dirty = false;
  const body = { mode, text: text().value, fields: fields(), seen, version, device };
  saving = api<{ draft: Draft | null }>("PUT", `/desk/api/conversations/${number}/draft`, body).then(
    (told) => { if (number === conversation) { version = told.draft?.version ?? 0; state(told.draft ? "saved" : ""); } },
    (error: unknown) => {
      if (number !== conversation) return;
      if (error instanceof Refused && error.code === "draft_moved") return moved(error.data["draft"] as Draft | null);
      dirty = true;
      state("unsaved");
      window.setTimeout(saveSoon, 2000);
    },
  ).finally(() => { saving = null; });
  await saving;
}

function state(name: string): void {
  const place = $("#draft-state");
  if (place) { place.textContent = name ? say(name) : ""; place.dataset["state"] = name; }
}

/** Another device saved in between: the person decides, unless the words are the same. */
function moved(theirs: Draft | null): void {
  if (!theirs) { version = 0; dirty = true; saveSoon(); return; }
  if (theirs.text === text().value) { version = theirs.version; return state("saved"); }
  if (!text().value) return fill(theirs);
  elsewhere = theirs;
  const bar = $("#elsewhere");
  if (!bar) return;
  const take = make("button", { type: "button", class: "button small" }, say("takeTheirs"));
  const keep = make("button", { type: "button", class: "button small" }, say("keepMine"));
  take.addEventListener("click", () => { if (elsewhere) adopt(elsewhere); bar.hidden = true; });
  keep.addEventListener("click", () => { version = elsewhere?.version ?? version; dirty = true; bar.hidden = true; void save(); text().focus(); });
  bar.replaceChildren(icon("swap"), make("span", { class: "grow" }, say("elsewhere")), take, keep);
  bar.hidden = false;
}

/** A live word from another device of the same agent. */
export function fromElsewhere(number: number, draft: Draft | null, from: string): void {
  list.refreshSoon();
  if (number !== conversation || from === device || dirty || saving || composing || busy) return;
  if (draft) fill(draft);
  else clear();
  shape();
}

function clear(): void {
  text().value = "";
  files = []; version = 0; seen = 0; key = ""; dirty = false;
  if (field("subject") && base.subject !== undefined) (field("subject") as HTMLInputElement).value = base.subject;
  if (field("cc") && base.cc !== undefined) (field("cc") as HTMLInputElement).value = base.cc;
  if (field("bcc")) (field("bcc") as HTMLInputElement).value = "";
  arrived(false);
  state("");
  showFiles();
  shape();
}

// -- sending

export async function send(then = "", later = ""): Promise<void> {
  const words = text();
  if (!form() || busy || composing) return;
  if (uploading) return void toast(say("uploading", { name: "…" }));
  if (!words.value.trim() && !(mode === "reply" && files.length)) return words.focus();
  busy = true;
  $("#send")?.setAttribute("aria-disabled", "true");
  const number = conversation;
  try {
    if (saving) await saving;
    if (mode === "note") await sendNote(number);
    else await sendReply(number, then, later);
  } catch (error) {
    if (error instanceof Refused && error.code === "something_arrived") {
      await thread.catchUp();
      thread.toEnd();
      arrived(true);
    } else {
      if (error instanceof Refused && error.code === "key_reused") key = "";
      complain(error);
      dirty = true;
    }
  } finally {
    busy = false;
    $("#send")?.removeAttribute("aria-disabled");
    if (number === conversation) {
      look(number, "viewing");
      if (form()?.contains(document.activeElement)) text().focus(); // whoever has gone elsewhere is not called back
    }
    if (dirty) saveSoon();
  }
}

async function sendNote(number: number): Promise<void> {
  key ||= crypto.randomUUID();
  await post(`/desk/api/conversations/${number}/notes`, { key, text: text().value });
  key = "";
  if (number === conversation) { clear(); setMode("reply", false); }
  toast(say("noted"), { seconds: 2 });
}

async function sendReply(number: number, then: string, later: string): Promise<void> {
  key ||= crypto.randomUUID();
  const shown = fields(), bar = $("#arrived");
  const looked = bar && !bar.hidden ? thread.newest() : seen || thread.newest();
  const told = await post<{ delivery: number; state: string; leaves: string }>(`/desk/api/conversations/${number}/messages`, {
    key, text: text().value, ...shown, files: files.map((file) => file.token), seen: Math.max(looked, 0), then, later: later || null,
  });
  key = "";
  if (number === conversation) clear();
  thread.toEnd();
  void thread.catchUp();
  const left = Math.round((Date.parse(told.leaves) - Date.now()) / 1000);
  if (told.state === "queued" && left > 0) offerUndo(told.delivery, left, then, told.leaves);
  if (then === "resolve") list.refreshSoon();
}

function offerUndo(delivery: number, left: number, then: string, leaves: string): void {
  const soon = left <= 130;
  const undo = async () => {
    try {
      const draft = await takeBack(delivery, then !== "");
      if (!draft) return;
      if (draft.conversation !== conversation) await thread.open(draft.conversation);
      toast(say("undone"));
      void thread.catchUp();
    } catch (error) {
      complain(error);
    }
  };
  toast(soon ? say("queued", { n: left }) : say("scheduled", { when: moment(leaves) }), {
    seconds: soon ? left : 8, choice: { name: say("undo"), run: () => void undo() },
    ...(soon ? { count: (n: number) => say("queued", { n }) } : {}),
  });
}

/** Take a message back before it leaves. Its words come behind those begun since; nothing on screen is lost. */
export async function takeBack(delivery: number | string, reopen = false): Promise<Draft | null> {
  // The server joins what it has; but the undo time runs, so a slow save is not waited for.
  if (dirty || saving) await Promise.race([save(), new Promise((done) => { window.setTimeout(done, 1000); })]);
  const { draft } = await post<{ draft: Draft | null }>(`/desk/api/deliveries/${delivery}/cancel`, { reopen, device });
  if (draft?.conversation !== conversation) return draft;
  if (saving) await saving;
  if (draft.text.startsWith(text().value.trimEnd())) adopt(draft);
  else moved(draft);
  return draft;
}

function arrived(on: boolean): void {
  const bar = $("#arrived");
  if (bar) bar.hidden = !on;
}

/** New rows while something is being written: say so before the agent sends. */
export function somethingCame(rows: Row[]): void {
  if (mode !== "reply" || !text()?.value.trim() || busy) return;
  if (rows.some((row) => row.name === "message.received" || (["message.queued", "note.added"].includes(row.name) && row.user !== setup.me.id))) arrived(true);
}

// -- keys

function keys(event: KeyboardEvent): void {
  if (event.isComposing || composing || event.keyCode === 229) return; // the key belongs to the syllable
  if (!$("#names")?.hidden && nameKeys(event)) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    void send();
  } else if (event.key === "Enter" && setup.prefs.enterSends && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    void send();
  }
}

// -- mentions

function mention(): void {
  const words = text();
  const before = words.value.slice(0, words.selectionStart);
  const found = mode === "note" ? /(?:^|\s)@([\p{L}\p{N}_.-]{0,30})$/u.exec(before) : null;
  if (!found) return hideNames();
  const wanted = (found[1] ?? "").toLowerCase();
  const matching = colleagues.filter((one) => one.handle.includes(wanted) || one.name.toLowerCase().includes(wanted)).slice(0, 8);
  const place = $("#names");
  if (!place || !matching.length) return hideNames();
  place.replaceChildren(...matching.map((one, at) => {
    const line = make("li", { role: "option", id: `name-${one.id}`, "aria-selected": String(at === 0), "data-handle": one.handle },
      avatar(one.name, one.id), one.name, make("span", { class: "muted" }, `@${one.handle}`));
    line.addEventListener("mousedown", (event) => { event.preventDefault(); choose(one.handle); });
    return line;
  }));
  place.hidden = false;
  words.setAttribute("aria-controls", "names");
  words.setAttribute("aria-activedescendant", place.firstElementChild?.id ?? "");
}

function hideNames(): void {
  const place = $("#names");
  if (place) place.hidden = true;
  $("#text")?.removeAttribute("aria-activedescendant");
}

function nameKeys(event: KeyboardEvent): boolean {
  const lines = $$("#names li"), now = lines.findIndex((line) => line.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const next = (now + (event.key === "ArrowDown" ? 1 : -1) + lines.length) % lines.length;
    lines.forEach((line, at) => line.setAttribute("aria-selected", String(at === next)));
    text().setAttribute("aria-activedescendant", lines[next]?.id ?? "");
  } else if (event.key === "Enter" || event.key === "Tab") choose(lines[now]?.dataset["handle"] ?? "");
  else if (event.key === "Escape") hideNames();
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
}

function choose(handle: string): void {
  const words = text(), at = words.selectionStart;
  const before = words.value.slice(0, at).replace(/@[\p{L}\p{N}_.-]{0,30}$/u, `@${handle} `);
  words.setRangeText(before, 0, at, "end");
  hideNames();
  changed();
}

// -- files

export function attach(given: File[]): void {
  if (mode === "note") setMode("reply");
  for (const file of given) {
    const bar = make("progress", { max: "1", value: "0", "aria-label": say("uploading", { name: file.name }) });
    const stop = make("button", { type: "button", class: "icon-button", "aria-label": say("remove") }, icon("close"));
    const line = make("li", {}, icon("file"), make("span", {}, file.name), bar, stop);
    $("#uploads")?.append(line);
    const number = conversation, going = upload(file, (part) => { bar.value = part; });
    uploading += 1;
    stop.addEventListener("click", () => going.abort());
    going.done.then((kept) => { if (number === conversation) { files = [...files, kept]; changed(); } }, complain)
      .finally(() => { uploading -= 1; line.remove(); if (number === conversation) showFiles(); });
  }
}

function showFiles(): void {
  const place = $("#uploads");
  if (!place) return;
  for (const line of $$("li", place)) if (!$("progress", line)) line.remove();
  for (const kept of files) {
    const remove = make("button", { type: "button", class: "icon-button", "aria-label": `${say("remove")}: ${kept.name}` }, icon("close"));
    remove.addEventListener("click", () => { files = files.filter((one) => one !== kept); showFiles(); changed(); });
    place.append(make("li", {}, icon("file"), make("span", {}, kept.name), remove));
  }
}
