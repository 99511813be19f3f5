// The editor of a rule: when, if (groups in groups), then; its dry run; and the order of the list.

import { $, $$, make } from "./page";
import { dryRun } from "./dry";
import { livePreview } from "./segments";
import { button, input, read, select, steps, type Field, type Step, type Vocabulary } from "./steps";

interface Test { field: string; op: string; value?: unknown }
type Group = Partial<Record<"all" | "any" | "none", Part[]>>;
type Part = Test | Group;
export interface Body { name: string; when: { on: string; detail?: unknown }; if: Group; then: Step[]; stop?: boolean }

const kindOf = (group: Group): "all" | "any" | "none" => (group.any ? "any" : group.none ? "none" : "all");
const isTest = (part: Part): part is Test => "field" in part;

/** What is compared with: the inputs, and how they are read. */
function valueOf(words: Vocabulary, field: Field, op: string, given: unknown): { place: Node[]; value: () => unknown } {
  const say = words.words;
  if (words.without.includes(op)) return { place: [], value: () => undefined };
  if (op.startsWith("matches")) {
    const box = input("text", given, say["pattern"] ?? "", { class: "code-line", spellcheck: "false", maxlength: "300", placeholder: "주문\\s*\\d{5}" });
    return { place: [box], value: () => box.value };
  }
  if (field.kind === "yes_no") {
    const box = select([["yes", say["yes"] ?? ""], ["no", say["no"] ?? ""]], given === false ? "no" : "yes", say["value"] ?? "");
    return { place: [box], value: () => box.value === "yes" };
  }
  if (["number", "days", "score"].includes(field.kind)) {
    const box = input("number", given ?? (field.kind === "days" ? 30 : 1), say["value"] ?? "", { min: field.kind === "number" ? "0" : "1", max: field.kind === "score" ? "5" : "1000000" });
    return { place: field.unit ? [box, make("span", { class: "muted" }, field.unit)] : [box], value: () => box.value };
  }
  if (["span", "sent", "response", "visit"].includes(field.kind)) return span(words, field, given);
  if (field.kind === "own_date") {
    const days = op === "next" || op === "past", was = Array.isArray(given) ? given[0] : given;
    const box = days ? input("number", typeof was === "number" ? was : 7, say["value"] ?? "", { min: "0", max: "36500" }) : input("date", typeof was === "string" ? was : "", say["value"] ?? "");
    return { place: days ? [box, make("span", { class: "muted" }, say["days"] ?? "")] : [box], value: () => box.value };
  }
  if (field.kind === "own_number") {
    const box = input("text", Array.isArray(given) ? given[0] : given ?? "", say["value"] ?? "", { inputmode: "decimal" });
    return { place: [box], value: () => box.value };
  }
  if (field.kind === "hours" || (field.kind === "rank" && op.startsWith("at_"))) {
    const box = select(words.choices[field.choices] ?? [], Array.isArray(given) ? given[0] : given, say["value"] ?? "");
    return { place: [box], value: () => (field.kind === "hours" ? Number(box.value) : box.value) };
  }
  if (field.choices) return chips(words, field, Array.isArray(given) ? given : given === undefined ? [] : [given]);
  const box = input("text", Array.isArray(given) ? given.join(", ") : given, say["words"] ?? "", { placeholder: say["words"] ?? "" });
  return { place: [box], value: () => box.value.split(",").map((word) => word.trim()).filter(Boolean) };
}

/** So many days, and where: at an inbox, on a channel, of a campaign; of a visit also who counts. */
function span(words: Vocabulary, field: Field, given: unknown): { place: Node[]; value: () => unknown } {
  const say = words.words, now = (given ?? { days: 30, at: "" }) as { days: number; at: string; who?: string };
  const days = input("number", now.days, say["value"] ?? "", { min: "0", max: "36500", title: say["ever"] ?? "" });
  const choices = [...(words.choices[field.choices] ?? [])];
  if (now.at && !choices.some(([value]) => value === now.at)) choices.push([now.at, `#${now.at.split(":")[1] ?? ""}`]);
  const at = select(choices, now.at, say["value"] ?? ""), who = select(words.choices["visitors"] ?? [], now.who ?? "people", say["visitors"] ?? "");
  const place: Node[] = [days, make("span", { class: "muted" }, field.unit), ...(choices.length ? [at] : []), ...(field.kind === "visit" ? [who] : [])];
  return { place, value: () => ({ days: days.value, at: at.value, ...(field.kind === "visit" && who.value === "all" ? { who: "all" } : {}) }) };
}

function chips(words: Vocabulary, field: Field, given: unknown[]): { place: Node[]; value: () => unknown } {
  const box = make("span", { class: "chips-choice", role: "group", "aria-label": field.label });
  const all = words.choices[field.choices] ?? [], known = new Map(all.map(([value]) => [String(value), value]));
  for (const value of given) if (!known.has(String(value))) { all.push([value as number, `#${value}`]); known.set(String(value), value as number); }
  for (const [value, label] of all) {
    const tick = make("input", { type: "checkbox", value: String(value), ...(given.map(String).includes(String(value)) ? { checked: "" } : {}) });
    box.append(make("label", { class: "chip" }, tick, label));
  }
  return { place: [box], value: () => $$<HTMLInputElement>("input:checked", box).map((one) => known.get(one.value) ?? one.value) };
}

/** One line of a condition. */
function testLine(words: Vocabulary, given: Test, readers: WeakMap<Element, () => Part>): HTMLElement {
  const say = words.words, line = make("li", { class: "test" }), slot = make("div", { class: "test-value" });
  // A field that is no more stays what it was until somebody changes it: the server says what is wrong with it.
  if (given.field && !words.fields.some((one) => one.name === given.field)) words.fields.push({ name: given.field, label: `#${given.field}`, group: "#", kind: "words", choices: "", unit: "", operators: [given.op] });
  const which = make("select", { "aria-label": say["field"] ?? "" });
  for (const group of new Set(words.fields.map((field) => field.group))) {
    const part = make("optgroup", { label: group });
    for (const field of words.fields.filter((one) => one.group === group)) part.append(make("option", { value: field.name, ...(field.name === given.field ? { selected: "" } : {}) }, field.label));
    which.append(part);
  }
  const how = make("select", { "aria-label": say["operator"] ?? "" });
  const field = (): Field => words.fields.find((one) => one.name === which.value) ?? (words.fields[0] as Field);
  let value: () => unknown = () => undefined;
  const fill = (now: unknown): void => { const made = valueOf(words, field(), how.value, now); slot.replaceChildren(...made.place); value = made.value; };
  const operators = (chosen: string): void => {
    how.replaceChildren(...field().operators.map((op) => make("option", { value: op, ...(op === chosen ? { selected: "" } : {}) }, words.operators[op] ?? op)));
    how.hidden = field().operators.length < 2;
  };
  which.addEventListener("change", () => { operators(""); fill(undefined); });
  how.addEventListener("change", () => fill(value()));
  operators(given.op);
  fill(given.value);
  const gone = (): void => { const near = line.parentElement?.closest(".group"); line.remove(); if (near) $("button", near)?.focus(); told(); };
  line.append(which, how, slot, make("span", { class: "line-acts" }, button("close", say["remove"] ?? "", gone)));
  readers.set(line, () => { const now = value(); return { field: which.value, op: how.value, ...(now === undefined ? {} : { value: now }) }; });
  return line;
}

const told = (): void => { for (const place of $$("[data-always]")) place.hidden = $(".test", place.parentElement ?? document) !== null; };

function groupBox(words: Vocabulary, given: Group, readers: WeakMap<Element, () => Part>, depth: number): HTMLElement {
  const say = words.words, kind = kindOf(given), parts = make("ul", { class: "parts" });
  const how = select(Object.entries(words.groups), kind, say["group"] ?? "");
  const box = make(depth ? "li" : "div", { class: `group depth-${depth % 3}` }) as HTMLElement;
  const add = (part: Part, focus = false): void => {
    const line = isTest(part) ? testLine(words, part, readers) : groupBox(words, part, readers, depth + 1);
    parts.append(line);
    if (focus) { $("select", line)?.focus(); told(); }
  };
  const first = words.fields.find((field) => field.name === "text") ?? (words.fields[0] as Field), begin = { field: first.name, op: first.operators[0] ?? "" };
  const acts = make("div", { class: "row group-acts" }, button("plus", say["addTest"] ?? "", () => add(begin, true), say["addTest"]));
  if (depth < 4) acts.append(button("join", say["addGroup"] ?? "", () => add({ any: [begin] }, true), say["addGroup"]));
  const head = make("div", { class: "group-kind" }, how);
  if (depth) head.append(button("close", say["remove"] ?? "", () => { box.remove(); told(); }));
  box.append(head, parts, acts);
  for (const part of given[kind] ?? []) add(part);
  readers.set(box, () => ({ [how.value]: [...parts.children].map((line) => readers.get(line)?.() ?? { all: [] }) }) as Group);
  return box;
}

function conditions(place: HTMLElement, words: Vocabulary, given: Group): () => Group {
  const readers = new WeakMap<Element, () => Part>();
  const root = groupBox(words, given, readers, 0);
  place.replaceChildren(root, make("p", { class: "hint", "data-always": "" }, words.words["always"] ?? ""));
  told();
  return () => readers.get(root)?.() as Group;
}

function beginning(place: HTMLElement, words: Vocabulary, given: Body["when"]): () => Body["when"] {
  const say = words.words, slot = make("span", { class: "row" });
  const which = select(words.whens.map((one) => [one.name, one.label]), given.on, $("h2", place.parentElement ?? document)?.textContent?.trim() ?? "");
  let detail: () => unknown = () => undefined;
  const fill = (now: unknown): void => {
    const sort = words.whens.find((one) => one.name === which.value)?.detail;
    if (sort === "state") { const box = select([["", say["anyState"] ?? ""], ...(words.choices["states"] ?? [])], now, say["value"] ?? ""); slot.replaceChildren(box); detail = () => box.value; }
    else if (sort === "tag") { const box = input("text", now, say["tag"] ?? "", { placeholder: say["anyTag"] ?? "", maxlength: "60" }); slot.replaceChildren(box); detail = () => box.value; }
    else if (sort === "hours") { const box = input("number", now ?? 24, say["hours"] ?? "", { min: "1", max: "8760" }); slot.replaceChildren(box, make("span", { class: "muted" }, say["hours"] ?? "")); detail = () => box.value; }
    else { slot.replaceChildren(); detail = () => undefined; }
  };
  which.addEventListener("change", () => fill(undefined));
  fill(given.detail);
  place.replaceChildren(make("div", { class: "row when" }, which, slot));
  return () => { const now = detail(); return now === undefined ? { on: which.value } : { on: which.value, detail: now }; };
}

/** A form of a rule or a macro becomes an editor; what it says goes along as JSON. */
function edit(form: HTMLFormElement): void {
  const words = read<Vocabulary>(form, "vocabulary"), body = read<Body>(form, "body");
  const name = $<HTMLInputElement>("[data-name]", form), stop = $<HTMLInputElement>("[data-stop]", form);
  const when = $("[data-when]", form), test = $("[data-if]", form), then = $("[data-then]", form);
  const begins = when ? beginning(when, words, body.when) : null;
  const asks = test ? conditions(test, words, body.if ?? { all: [] }) : null;
  const does = then ? steps(then, words, body.then ?? []) : null;
  const now = (): Body => ({
    name: name?.value ?? "", when: begins?.() ?? { on: "" }, if: asks?.() ?? { all: [] }, then: does?.() ?? [], stop: stop?.checked ?? false,
  });
  const kept = JSON.stringify(now());
  let leaving = false;
  form.addEventListener("submit", () => { leaving = true; ($<HTMLInputElement>("input[name=body]", form) as HTMLInputElement).value = JSON.stringify(now()); });
  addEventListener("beforeunload", (event) => { if (!leaving && JSON.stringify(now()) !== kept) event.preventDefault(); });
  if (form.matches("[data-rule-editor]")) dryRun(form, words, now);
  if (form.matches("[data-segment-editor]")) livePreview(form, words, now);
}

/** The list: drag a line, or move it by its buttons or with Alt and the arrow keys. */
function ordered(list: HTMLElement): void {
  let held: HTMLElement | null = null;
  const save = (): void => {
    const form = new FormData();
    form.set("csrf", $<HTMLMetaElement>('meta[name="csrf"]')?.content ?? "");
    form.set("rules", $$("[data-rule]", list).map((line) => line.dataset["rule"]).join());
    void fetch(list.dataset["path"] ?? "", { method: "POST", body: form, credentials: "same-origin" }).then((answer) => { if (!answer.ok) location.reload(); }, () => location.reload());
  };
  const move = (line: HTMLElement, by: number): void => {
    const other = by < 0 ? line.previousElementSibling : line.nextElementSibling;
    if (!other) return;
    if (by < 0) other.before(line); else other.after(line);
    $(`[data-move="${by}"]`, line)?.focus();
    save();
  };
  for (const line of $$("[data-rule]", list)) {
    const grip = $(".rule-grip", line);
    grip?.addEventListener("pointerdown", () => { line.draggable = true; });
    line.addEventListener("dragstart", () => { held = line; line.classList.add("held"); });
    line.addEventListener("dragend", () => { line.draggable = false; line.classList.remove("held"); if (held) save(); held = null; });
    line.addEventListener("dragover", (event) => {
      if (!held) return;
      event.preventDefault();
      if (held === line) return;
      const box = line.getBoundingClientRect();
      if (event.clientY < box.top + box.height / 2) line.before(held); else line.after(held);
    });
    line.addEventListener("keydown", (event) => {
      if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
      event.preventDefault();
      move(line, event.key === "ArrowUp" ? -1 : 1);
    });
    for (const each of $$("[data-move]", line)) each.addEventListener("click", (event) => { event.preventDefault(); move(line, Number(each.dataset["move"])); });
  }
}

export function startRules(): void {
  $$<HTMLFormElement>("form[data-steps-form]").forEach(edit);
  $$("[data-rules-order]").forEach(ordered);
}
