// Naming a colleague in a note: @ and the first letters, then arrows and Enter.

import { $, $$, avatar, make } from "../page";
import { letter } from "./letter";
import { plain } from "./words";

interface Colleague { id: number; name: string; handle: string }

let colleagues: Colleague[] = [], changed: () => void = () => undefined;

export function begin(told: () => void): void {
  changed = told;
  colleagues = JSON.parse($("#colleagues")?.textContent ?? "[]") as Colleague[];
}

export function look(): void {
  const words = plain();
  const before = words.value.slice(0, words.selectionStart);
  const found = letter.mode === "note" ? /(?:^|\s)@([\p{L}\p{N}_.-]{0,30})$/u.exec(before) : null;
  if (!found) return hide();
  const wanted = (found[1] ?? "").toLowerCase();
  const matching = colleagues.filter((one) => one.handle.includes(wanted) || one.name.toLowerCase().includes(wanted)).slice(0, 8);
  const place = $("#names");
  if (!place || !matching.length) return hide();
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

export function hide(): void {
  const place = $("#names");
  if (place) place.hidden = true;
  $("#text")?.removeAttribute("aria-activedescendant");
}

/** Whether the key was for the list of names. */
export function keys(event: KeyboardEvent): boolean {
  if ($("#names")?.hidden ?? true) return false;
  const lines = $$("#names li"), now = lines.findIndex((line) => line.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const next = (now + (event.key === "ArrowDown" ? 1 : -1) + lines.length) % lines.length;
    lines.forEach((line, at) => line.setAttribute("aria-selected", String(at === next)));
    plain().setAttribute("aria-activedescendant", lines[next]?.id ?? "");
  } else if (event.key === "Enter" || event.key === "Tab") choose(lines[now]?.dataset["handle"] ?? "");
  else if (event.key === "Escape") hide();
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
}

function choose(handle: string): void {
  const words = plain(), at = words.selectionStart;
  const before = words.value.slice(0, at).replace(/@[\p{L}\p{N}_.-]{0,30}$/u, `@${handle} `);
  words.setRangeText(before, 0, at, "end");
  hide();
  changed();
}
