// The command palette: Korean (also by first consonants, also half-typed) and English, whatever the page speaks.

import { $, $$, icon, make, say, setup } from "./page";

export interface Command { name: string; alias: string; glyph: string; key?: string; run: () => void }

const FIRST = [..."ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"];

/** Hangul as its first consonants: 배정 -> ㅂㅈ. */
export function consonants(text: string): string {
  return [...text].map((letter) => {
    const code = letter.charCodeAt(0) - 0xac00;
    return code >= 0 && code < 11172 ? FIRST[Math.floor(code / 588)] : letter;
  }).join("");
}

/** Letters apart, so that a half-typed syllable matches what it may become. */
const apart = (text: string): string => text.normalize("NFD").toLowerCase().replace(/\s+/g, "");

/** How well `wanted` fits: 0 = not at all; a match in one piece is better than scattered letters. */
export function fit(wanted: string, text: string): number {
  if (!wanted) return 1;
  const plain = text.toLowerCase().replace(/\s+/g, ""), typed = wanted.toLowerCase().replace(/\s+/g, "");
  if (plain.startsWith(typed)) return 5;
  if (plain.includes(typed)) return 4;
  if (/^[ㄱ-ㅎ]+$/.test(typed)) return consonants(plain).includes(typed) ? 3 : 0;
  const inside = apart(plain), pieces = apart(typed);
  if (inside.includes(pieces)) return 3;
  let at = 0;
  for (const letter of pieces) { at = inside.indexOf(letter, at) + 1; if (!at) return 0; }
  return 1;
}

let commands: () => Command[] = () => [], shown: Command[] = [], chosen = 0;

export function openPalette(): void {
  const dialog = $<HTMLDialogElement>("#palette"), input = $<HTMLInputElement>("#palette-q");
  if (!dialog || !input || dialog.open) return;
  dialog.showModal();
  input.value = "";
  input.focus();
  draw();
}

function draw(): void {
  const wanted = $<HTMLInputElement>("#palette-q")?.value.trim() ?? "", place = $("#palette-list");
  if (!place) return;
  shown = commands()
    .map((command) => ({ command, rank: Math.max(fit(wanted, command.name), fit(wanted, command.alias)) }))
    .filter((one) => one.rank > 0)
    .sort((one, other) => other.rank - one.rank)
    .slice(0, 40)
    .map((one) => one.command);
  chosen = 0;
  place.replaceChildren(...shown.map((command, at) => {
    const line = make("li", { role: "option", id: `command-${at}`, "aria-selected": String(at === 0) }, icon(command.glyph, false), command.name);
    if (command.key) line.append(make("kbd", {}, command.key));
    line.addEventListener("click", () => run(at));
    return line;
  }));
  if (!shown.length) place.append(make("li", { class: "muted" }, say("nothing")));
  point();
}

function point(): void {
  $$("#palette-list [role=option]").forEach((line, at) => {
    line.setAttribute("aria-selected", String(at === chosen));
    if (at === chosen) line.scrollIntoView({ block: "nearest" });
  });
  $("#palette-q")?.setAttribute("aria-activedescendant", `command-${chosen}`);
}

function run(at: number): void {
  $<HTMLDialogElement>("#palette")?.close();
  shown[at]?.run();
}

export function startPalette(all: () => Command[]): void {
  commands = all;
  const input = $<HTMLInputElement>("#palette-q");
  input?.addEventListener("input", draw);
  input?.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : -1) + shown.length) % Math.max(1, shown.length);
      point();
    } else if (event.key === "Enter") { event.preventDefault(); run(chosen); }
  });
}

export const command = (name: string, glyph: string, run: () => void, key = ""): Command =>
  ({ name: say(name), alias: setup.aliases[name] ?? name, glyph, run, ...(key ? { key } : {}) });
