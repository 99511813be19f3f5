// One composer for all channels; what a channel can decides what it shows. It knows nothing of the thread around it.

import { $, $$, icon, setup } from "./page";
import { look, type Row } from "./socket";
import * as answers from "./answers";
import * as draft from "./composer/draft";
import * as files from "./composer/files";
import * as letters from "./composer/letter";
import * as losses from "./composer/losses";
import * as mentions from "./composer/mentions";
import * as suggest from "./composer/suggest";
import * as weigh from "./composer/weigh";
import * as words from "./composer/words";
import type { Deed } from "./editor";
import { can, form, input, letter, mayFormat, way } from "./composer/letter";

export type { Draft } from "./composer/letter";
export { copies } from "./composer/letter";
export { adopt, discard, fromElsewhere, takeBack } from "./composer/draft";
export { focus } from "./composer/words";

let idle = 0;

// -- beginning and leaving

export function begin(): void {
  const box = form();
  if (!box) return;
  letters.begin(Number(box.dataset["conversation"]));
  words.begin(changed);
  mentions.begin(changed);
  answers.begin(changed);
  suggest.begin(box, changed);
  weigh.begin(changed);
  draft.begin({ mode: (mode) => setMode(mode, false), shape, changed });
  shape();
  listen(box);
}

/** The thread goes away: what is not saved yet is saved now. */
export function leave(): void {
  if (letter.open && letter.dirty) void draft.save();
  mentions.hide();
  answers.hide();
  words.leave();
  letter.open = false;
}

// -- form

function listen(box: HTMLFormElement): void {
  box.addEventListener("input", (event) => {
    const target = event.target as Element;
    if (!target.closest(".menu, .link-bar, .ProseMirror")) changed(); // the editor tells of its own changes
  });
  box.addEventListener("change", (event) => { if (event.target === way()) { shape(); changed(); } });
  const writing = $(".writing", box) ?? box;
  writing.addEventListener("compositionstart", () => { letter.composing = true; });
  writing.addEventListener("compositionend", () => { letter.composing = false; });
  writing.addEventListener("keydown", keys, true);
  writing.addEventListener("paste", pasted, true);
  input("subject")?.addEventListener("keydown", (event) => { // a line's end leads on to the words; it sends nothing
    if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    words.focus();
  });
  words.plain().addEventListener("blur", () => { window.setTimeout(mentions.hide, 150); });
  writing.addEventListener("focusout", () => { window.setTimeout(() => { if (!words.holds(document.activeElement)) answers.hide(); }, 150); });
  for (const [id, take] of [["file", attach], ["picture", insert]] as const) {
    input(id)?.addEventListener("change", (event) => { const from = event.target as HTMLInputElement; take([...(from.files ?? [])]); from.value = ""; });
  }
  for (const button of $$("[data-format]", box)) {
    button.addEventListener("mousedown", (event) => event.preventDefault()); // the words keep the focus
    button.addEventListener("click", () => void format(button.dataset["format"] as Deed));
  }
  linkBar(box);
  dropping(box);
  const thread = $("#thread");
  new ResizeObserver(() => thread?.style.setProperty("--composer", `${box.offsetHeight}px`)).observe(box);
}

function linkBar(box: HTMLFormElement): void {
  const to = $<HTMLInputElement>("#link-to", box);
  to?.addEventListener("keydown", (event) => {
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    words.setLink(event.key === "Enter" ? to.value : null);
  });
  $("[data-link=set]", box)?.addEventListener("click", () => words.setLink(to?.value ?? ""));
  $("[data-link=remove]", box)?.addEventListener("click", () => words.setLink(""));
}

function dropping(box: HTMLFormElement): void {
  const place = $("#thread") ?? box;
  const files = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  place.addEventListener("dragover", (event) => { if (files(event)) { event.preventDefault(); box.classList.add("over"); } });
  place.addEventListener("dragleave", (event) => { if (!place.contains(event.relatedTarget as Node | null)) box.classList.remove("over"); });
  place.addEventListener("drop", (event) => {
    box.classList.remove("over");
    const given = [...(event.dataTransfer?.files ?? [])];
    if (!given.length) return;
    event.preventDefault();
    event.stopPropagation();
    if (words.holds(event.target as Element)) insert(given); else attach(given);
  }, true);
}

/** Show what the chosen channel can, and nothing else. */
function shape(): void {
  const box = form();
  if (!box) return;
  box.classList.toggle("no-subject", can("subject") !== "1");
  box.classList.toggle("no-cc", can("cc") !== "1");
  box.classList.toggle("no-html", !mayFormat());
  box.classList.toggle("no-files", can("files") !== "1");
  box.classList.toggle("no-pages", can("pages") !== "1");
  box.classList.toggle("sandbox", can("sandbox") === "1");
  $("#way-icon")?.replaceChildren(icon(can("icon") || "send"));
  words.fit();
  const field = words.plain();
  field.placeholder = field.dataset[letter.mode] ?? "";
  const max = Number(can("max") || 0), over = max && field.value.length > max * 0.9, count = $("#count");
  if (count) {
    count.hidden = letter.mode === "note" || !over || can("measured") === "1";
    count.textContent = `${field.value.length} / ${max}`;
    count.classList.toggle("over", field.value.length > max);
  }
  losses.show();
  weigh.look();
}

export function setMode(next: "reply" | "note", focus = true): void {
  const box = form();
  if (!box) return;
  letter.mode = next;
  box.dataset["mode"] = next;
  for (const button of $$("[data-mode-set]", box)) button.setAttribute("aria-checked", String(button.dataset["modeSet"] === next));
  shape();
  if (focus) { words.focus(); if (!words.isEmpty()) changed(); }
}

function changed(): void {
  const something = !words.isEmpty() || letter.files.length > 0;
  if (!letter.seen && something) letter.seen = Math.max(letters.newest(), Number($("#thread")?.dataset["head"] ?? 0));
  if (!something) { letter.seen = 0; letters.arrived(false); }
  letter.dirty = true;
  draft.state("saving");
  shape();
  mentions.look();
  answers.look();
  draft.saveSoon();
  if (letter.place <= 0) return;
  look(letter.place, letter.mode === "note" ? "noting" : something ? "writing" : "viewing");
  clearTimeout(idle);
  idle = window.setTimeout(() => look(letter.place, "viewing"), 4000);
}

export function attach(given: File[]): void {
  if (letter.mode === "note") setMode("reply");
  files.attach(given, changed);
}

function insert(given: File[]): void {
  if (letter.mode === "note") setMode("reply");
  void files.insert(given, changed);
}

// -- what comes in

/** New rows while something is being written: say so before the agent sends. */
export function somethingCame(rows: Row[]): void {
  if (letter.mode !== "reply" || !form() || words.isEmpty() || letter.busy) return;
  if (rows.some((row) => row.name === "message.received" || (["message.queued", "note.added"].includes(row.name) && row.user !== setup.me.id))) letters.arrived(true);
}

/** Tags that say more than the words they hold: a copy of plain words has none of them. */
const FORMATTED = /<(?:a\s[^>]*href|b[\s>]|strong|i[\s>]|em[\s>]|ul|ol|blockquote|h[1-6][\s>])/i;

function pasted(event: ClipboardEvent): void {
  const given = [...(event.clipboardData?.files ?? [])], html = event.clipboardData?.getData("text/html") ?? "";
  if (given.length && !event.clipboardData?.getData("text/plain")) insert(given);
  else if (!words.isRich() && mayFormat() && FORMATTED.test(html)) void words.enrich().then((editor) => editor?.paste(html));
  else return;
  event.preventDefault();
  event.stopPropagation();
}

// -- keys

const FORMATS: Record<string, Deed> = { KeyB: "bold", KeyI: "italic", KeyK: "link" };

async function format(deed: Deed): Promise<void> {
  if (deed === "link") await words.askLink();
  else await words.format(deed);
}

function keys(event: KeyboardEvent): void {
  if (event.isComposing || letter.composing || event.keyCode === 229) return; // the key belongs to the syllable
  if (mentions.keys(event) || answers.keys(event)) return;
  const control = event.ctrlKey || event.metaKey, deed = control && !event.altKey && !event.shiftKey ? FORMATS[event.code] : undefined;
  const sends = event.key === "Enter" && (control || (setup.prefs.enterSends && !words.isRich() && !event.shiftKey && !event.altKey));
  if (!sends && !(deed && mayFormat())) return;
  event.preventDefault();
  event.stopPropagation();
  if (sends) form()?.requestSubmit();
  else if (deed) void format(deed);
}
