// People for To, CC and BCC: a name or the beginning of an address finds them in the directory.

import { $, $$, make, settled } from "../page";
import { api } from "../net";
import { can } from "./letter";

interface Found { id: number; name: string; reached: { kind: string; value: string; shown: string }[] }
interface Person { name: string; email: string; shown: string }

let field: HTMLInputElement | null = null, asked = "", told: () => void = () => undefined;

export function begin(form: HTMLFormElement, changed: () => void): void {
  told = changed;
  for (const line of $$<HTMLInputElement>("[data-suggest]", form)) {
    Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": "people", "aria-expanded": "false", autocomplete: "off", spellcheck: "false" })
      .forEach(([name, value]) => line.setAttribute(name, value));
    line.addEventListener("input", () => { field = line; seek(); });
    line.addEventListener("keydown", keys);
    line.addEventListener("blur", () => { window.setTimeout(hide, 150); });
  }
}

/** What is being written behind the last comma. */
const last = (line: string): string => (/[^,;]*$/.exec(line)?.[0] ?? "").trim();

const seek = settled(() => void find(), 150, 400);

async function find(): Promise<void> {
  const line = field, wanted = last(line?.value ?? "");
  if (!line || wanted.length < 2) return hide();
  asked = wanted;
  const kind = line.id === "to" ? can("kind") : "email"; // copies are a matter of mail
  const { contacts } = await api<{ contacts: Found[] }>("GET", `/desk/api/contacts?q=${encodeURIComponent(wanted)}`).catch(() => ({ contacts: [] as Found[] }));
  if (asked !== wanted || document.activeElement !== line) return;
  show(line, contacts.flatMap((one) => one.reached.filter((each) => each.kind === kind).map(({ value, shown }) => ({ name: one.name, email: value, shown }))).slice(0, 8));
}

function show(line: HTMLInputElement, people: Person[]): void {
  const place = $("#people");
  if (!place || !people.length) return hide();
  place.replaceChildren(...people.map(({ name, email, shown }, at) => {
    const one = make("li", { role: "option", id: `person-${at}`, "aria-selected": String(at === 0), "data-email": email },
      make("b", {}, name === shown ? "" : name), make("span", { class: "muted" }, shown));
    one.addEventListener("mousedown", (event) => { event.preventDefault(); choose(email); });
    return one;
  }));
  place.hidden = false;
  const box = line.closest<HTMLElement>("form")?.getBoundingClientRect(), at = line.getBoundingClientRect();
  if (box) { place.style.top = `${at.bottom - box.top + 2}px`; place.style.left = `${at.left - box.left}px`; }
  line.setAttribute("aria-expanded", "true");
  line.setAttribute("aria-activedescendant", "person-0");
}

function hide(): void {
  const place = $("#people");
  asked = "";
  if (place) place.hidden = true;
  field?.setAttribute("aria-expanded", "false");
  field?.removeAttribute("aria-activedescendant");
}

function choose(email: string): void {
  if (!field) return;
  field.value = field.value.replace(/\s*[^,;]*$/, (_part, at: number) => (at ? " " : "") + email);
  if (field.id !== "to") field.value += ", ";
  hide();
  told();
}

function keys(event: KeyboardEvent): void {
  const place = $("#people"), line = event.target as HTMLInputElement;
  if (event.isComposing || event.keyCode === 229) return;
  if (!place || place.hidden) { if (event.key === "Enter") event.preventDefault(); return; } // Enter in a line of the head sends nothing
  const lines = $$("li", place), now = lines.findIndex((one) => one.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const next = (now + (event.key === "ArrowDown" ? 1 : -1) + lines.length) % lines.length;
    lines.forEach((one, at) => one.setAttribute("aria-selected", String(at === next)));
    line.setAttribute("aria-activedescendant", `person-${next}`);
  } else if (event.key === "Enter" || event.key === "Tab") choose(lines[now]?.dataset["email"] ?? "");
  else if (event.key === "Escape") hide();
  else return;
  if (event.key !== "Tab") event.preventDefault();
  event.stopPropagation();
}
