// Parts, room left and cost while one writes; and what cannot be sent, each with its place, before it is sent.

import { $, icon, make, say, settled, setup } from "../page";
import { post, type Uploaded } from "../net";
import { drawer } from "../sheets";
import { can, letter, lines } from "./letter";
import * as words from "./words";

interface Place { at: number; length: number; line: number; column: number }
interface Problem { char: string; shown: string; code: string; name: string; why: string; instead: string | null; count: number; places: Place[] }
interface Weight { line: string; problems: Problem[]; more: number; advice: string[]; tidy: string }

let last: { of: string; weight: Weight } | null = null, asking = 0, told: () => void = () => undefined;

export function begin(changed: () => void): void {
  last = null;
  told = changed;
}

const measured = (): boolean => letter.open && letter.mode === "reply" && can("measured") === "1";

function body(): Record<string, unknown> {
  const { way, to } = lines();
  return { way, to, text: words.text(), files: letter.files.map((file: Uploaded) => file.token) };
}

/** Something changed: weigh it when the fingers rest. */
export function look(): void {
  if (!measured() || (!words.text().trim() && !letter.files.length)) return forget();
  if (last && last.of !== JSON.stringify(body())) $("#weight")?.classList.add("old");
  soon();
}

const soon = settled(() => void ask().catch(() => undefined), 220, 900);

function forget(): void {
  last = null;
  asking += 1;
  show(null);
}

/** Whether this may leave as it stands: weighed now, if need be. */
export async function mayLeave(): Promise<boolean> {
  if (!measured()) return true;
  if (last?.of !== JSON.stringify(body())) await ask();
  return !last?.weight.problems.length;
}

async function ask(): Promise<void> {
  if (!measured()) return;
  const given = body(), of = JSON.stringify(given), turn = ++asking;
  const weight = await post<Weight & Record<string, unknown>>("/desk/api/preview", given);
  if (turn !== asking || !measured()) return;
  last = { of, weight };
  show(weight);
}

function show(weight: Weight | null): void {
  const line = $("#weight"), place = $("#problems");
  if (line) {
    line.hidden = !weight;
    line.classList.remove("old");
    line.textContent = weight?.line ?? "";
    line.classList.toggle("over", Boolean(weight?.problems.length));
  }
  advise(weight);
  if (!place) return;
  const problems = weight?.problems ?? [], key = JSON.stringify(problems);
  if (place.dataset["said"] === key) return;
  place.dataset["said"] = key;
  place.hidden = !problems.length;
  const more = weight?.more ? [make("li", { class: "muted" }, say("moreProblems", { n: weight.more }))] : [];
  place.replaceChildren(...(problems.length ? [make("p", {}, icon("trouble"), say("cannotSend")), make("ul", {}, ...problems.map(row), ...more)] : []));
}

/** What is worth knowing and keeps nothing from leaving: a cheaper text, characters that some do not pass on. */
function advise(weight: Weight | null): void {
  const place = $("#advice"), lines = weight?.advice ?? [], tidy = weight?.tidy ?? "";
  if (!place) return;
  const key = JSON.stringify([lines, tidy]);
  if (place.dataset["said"] === key) return;
  place.dataset["said"] = key;
  place.hidden = !lines.length && !tidy;
  place.replaceChildren(...lines.map((line) => make("li", {}, line)));
  if (!tidy) return;
  const use = make("button", { type: "button", class: "link" }, say("useTidy"));
  use.addEventListener("click", () => swapAll(tidy));
  place.append(make("li", {}, say("tidy"), " ", use));
}

function swapAll(text: string): void {
  const field = words.plain();
  field.setRangeText(text, 0, field.value.length, "end");
  field.focus();
  told();
}

function row(problem: Problem): HTMLElement {
  const item = make("li", {});
  if (problem.char) item.append(make("code", { class: "glyph", title: `${problem.code} ${problem.name}`.trim() }, problem.shown || problem.code));
  const what = make("span", { class: "grow" }, problem.why);
  const spots = problem.places.slice(0, 5).flatMap((place) => [" ", spot(place)]);
  if (spots.length) what.append(...spots);
  if (problem.count > 5) what.append(" ", say("andMore", { n: problem.count - 5 }));
  item.append(what);
  if (problem.instead !== null) {
    const swap = make("button", { type: "button", class: "button small" }, problem.instead ? say("replaceBy", { with: problem.instead }) : say("leaveOut"));
    swap.addEventListener("click", () => replace(problem));
    item.append(swap);
  }
  return item;
}

/** A place in the words; a click goes there. */
function spot(place: Place): HTMLElement {
  const link = make("button", { type: "button", class: "link" }, say("atPlace", { line: place.line, column: place.column }));
  link.addEventListener("click", () => {
    const field = words.plain();
    field.focus();
    field.setSelectionRange(place.at, place.at + place.length);
  });
  return link;
}

function replace(problem: Problem): void {
  swapAll(words.plain().value.split(problem.char).join(problem.instead ?? ""));
}

/** The drawer with the pages as they will leave. */
export function pages(): void {
  const given = body();
  drawer((from, limit) => post("/desk/api/preview/pages", { ...given, from, limit }), pageWords(), last?.weight.line ?? "");
}

export const pageWords = () => ({ page: setup.words["page"] ?? "{n}", more: say("morePages"), busy: say("makingPages"), none: say("noPages"), lost: say("lostPages") });
