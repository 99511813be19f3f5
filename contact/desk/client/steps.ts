// What the editors of rules and macros are made of: the vocabulary of the page, and rows of actions.

import { $, $$, icon, make } from "./page";

export type Choice = [string | number, string];
export interface Field { name: string; label: string; group: string; kind: string; choices: string; unit: string; operators: string[] }
export interface Deed { name: string; label: string; icon: string; value: string }
export interface Vocabulary {
  macro: boolean; fields: Field[]; operators: Record<string, string>; without: string[]; groups: Record<string, string>;
  deeds: Deed[]; whens: { name: string; label: string; detail: string }[]; choices: Record<string, Choice[]>;
  me: Choice | null; sayFields: string[]; words: Record<string, string>;
}
export interface Step { do: string; value?: unknown }

export const read = <T>(form: HTMLElement, name: string): T => JSON.parse($(`script[data-${name}]`, form)?.textContent ?? "{}") as T;

export function select(choices: Choice[], chosen: unknown, label: string): HTMLSelectElement {
  const box = make("select", { "aria-label": label });
  const gone: Choice[] = chosen === undefined || chosen === null || choices.some(([value]) => String(value) === String(chosen)) ? [] : [[chosen as string | number, `#${chosen}`]];
  for (const [value, name] of [...choices, ...gone]) box.append(make("option", { value: String(value), ...(String(value) === String(chosen ?? "") ? { selected: "" } : {}) }, name));
  return box;
}

export function button(glyph: string, label: string, run: () => void, text = ""): HTMLButtonElement {
  const made = make("button", { type: "button", class: text ? "button small" : "icon-button", title: label, ...(text ? {} : { "aria-label": label }) }, icon(glyph, true), text);
  made.addEventListener("click", run);
  return made;
}

export const input = (type: string, value: unknown, label: string, more: Record<string, string> = {}): HTMLInputElement =>
  make("input", { type, value: String(value ?? ""), "aria-label": label, ...more });

/** The value of one action: what is shown, and how it is read. */
function valueOf(words: Vocabulary, deed: Deed, given: unknown): { place: (Node | string)[]; value: () => unknown } {
  const say = words.words;
  const label = deed.label;
  switch (deed.value) {
    case "queue": case "agent": {
      const choices = [...(words.choices[deed.value === "queue" ? "queues" : "agents"] ?? [])];
      if (deed.value === "agent" && words.me) choices.unshift(words.me);
      const box = select(choices, given ?? 0, label);
      return { place: [box], value: () => (box.value === "0" ? null : words.me && box.value === String(words.me[0]) ? box.value : Number(box.value)) };
    }
    case "priority": { const box = select(words.choices["priorities"] ?? [], given ?? "high", label); return { place: [box], value: () => box.value }; }
    case "tag": { const box = input("text", given, label, { maxlength: "60", placeholder: say["tag"] ?? "" }); return { place: [box], value: () => box.value }; }
    case "snooze": {
      const how = select([["hours", say["hoursLong"] ?? ""], ["opening", say["opening"] ?? ""]], given === "opening" ? "opening" : "hours", label);
      const many = input("number", typeof given === "number" ? given : 4, say["hours"] ?? "", { min: "1", max: "8760" });
      const unit = make("span", { class: "muted" }, say["hours"] ?? "");
      const show = () => { many.hidden = unit.hidden = how.value === "opening"; };
      how.addEventListener("change", show);
      show();
      return { place: [how, many, unit], value: () => (how.value === "opening" ? "opening" : Number(many.value)) };
    }
    case "text": case "answer": {
      const box = make("textarea", { rows: "3", "aria-label": label }, String(given ?? ""));
      if (deed.value === "text") return { place: [box], value: () => box.value };
      const fields = make("p", { class: "hint say-fields" }, `${say["fields"]} `);
      for (const name of words.sayFields) {
        const chip = make("button", { type: "button", class: "chip" }, name);
        chip.addEventListener("click", () => { box.setRangeText(name, box.selectionStart, box.selectionEnd, "end"); box.focus(); });
        fields.append(chip);
      }
      return { place: [make("div", { class: "grow stack" }, box, fields)], value: () => box.value };
    }
    default: return { place: [], value: () => undefined };
  }
}

/** Rows of actions in `place`; the answer reads them. */
export function steps(place: HTMLElement, words: Vocabulary, given: Step[]): () => Step[] {
  const list = make("ol", { class: "steps" }), say = words.words;
  const readers = new WeakMap<HTMLElement, () => Step>();
  const add = (step: Step, before: HTMLElement | null = null, focus = false): void => {
    const line = make("li", { class: "step" }), slot = make("div", { class: "step-value" });
    const which = select(words.deeds.map((deed) => [deed.name, deed.label]), step.do, say["action"] ?? "");
    let value: () => unknown = () => undefined;
    const fill = (now: unknown): void => {
      const deed = words.deeds.find((one) => one.name === which.value) ?? words.deeds[0];
      if (!deed) return;
      const made = valueOf(words, deed, now);
      slot.replaceChildren(...made.place);
      value = made.value;
    };
    which.addEventListener("change", () => fill(undefined));
    fill(step.value);
    const move = (by: number) => () => {
      const other = by < 0 ? line.previousElementSibling : line.nextElementSibling;
      if (other) { if (by < 0) other.before(line); else other.after(line); }
      $$("button", line).at(by < 0 ? -3 : -2)?.focus();
    };
    const gone = (): void => { const next = (line.nextElementSibling ?? line.previousElementSibling) as HTMLElement | null; line.remove(); (next ? $("select", next) : more)?.focus(); };
    line.append(which, slot, make("span", { class: "line-acts" }, button("up", say["up"] ?? "", move(-1)), button("down", say["down"] ?? "", move(1)), button("close", say["remove"] ?? "", gone)));
    readers.set(line, () => { const now = value(); return now === undefined ? { do: which.value } : { do: which.value, value: now }; });
    list.insertBefore(line, before);
    if (focus) which.focus();
  };
  const more = button("plus", say["addStep"] ?? "", () => add({ do: words.deeds[0]?.name ?? "" }, null, true), say["addStep"]);
  place.replaceChildren(list, more);
  for (const step of given.length ? given : [{ do: words.deeds[0]?.name ?? "" }]) add(step);
  return () => $$(".step", list).map((line) => readers.get(line)?.() ?? { do: "" });
}
