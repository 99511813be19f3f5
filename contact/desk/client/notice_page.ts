// The editor of a notice: its formatting, and the ladder with the day each step falls on.

import type { Deed, Editor } from "./editor";

const one = <T extends HTMLElement>(selector: string, root: ParentNode): T | null => root.querySelector<T>(selector);
const DAY = 86_400_000;

export function noticePage(form: HTMLFormElement): void {
  words(form);
  ladder(form);
}

function words(form: HTMLFormElement): void {
  const html = one<HTMLTextAreaElement>("textarea[name=html]", form), tools = one("[data-tools]", form), bar = one("[data-link]", form);
  const to = bar ? one<HTMLInputElement>("[data-to]", bar) : null;
  if (!html || !tools || !bar || !to) return;
  let editor: Editor | null = null;
  void import(form.dataset["editor"] ?? "").then((module: typeof import("./editor")) => {
    editor = module.edit({
      place: html, text: "", html: html.value || "<div></div>", from: 0, to: 0, label: html.getAttribute("aria-label") ?? "", picture: () => "",
      changed: () => { if (editor) html.value = editor.html(); },
      state: (state) => { for (const button of form.querySelectorAll<HTMLElement>("[data-deed]")) button.setAttribute("aria-pressed", String(state[button.dataset["deed"] as Deed] ?? false)); },
    });
    html.hidden = true;
    tools.hidden = false;
    form.classList.add("rich");
  }, () => undefined); // the plain field stays
  const setLink = (): void => {
    const line = to.value.trim();
    editor?.setLink(!line || /^(https?:\/\/|mailto:|tel:)/i.test(line) ? line : `https://${line}`);
    bar.hidden = true;
  };
  one("button", bar)?.addEventListener("click", setLink);
  to.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); setLink(); } });
  tools.addEventListener("click", (event) => {
    const deed = (event.target as Element).closest<HTMLElement>("[data-deed]")?.dataset["deed"] as Deed | undefined;
    if (!deed || !editor) return;
    if (deed !== "link") return editor.run(deed);
    bar.hidden = false;
    to.value = editor.link();
    to.focus();
  });
}

function ladder(form: HTMLFormElement): void {
  const list = one("[data-rungs]", form), blank = one<HTMLTemplateElement>("template[data-rung-blank]", form), add = one("[data-rung-add]", form);
  const at = one<HTMLInputElement>("[name=publish_at]", form);
  if (!list || !blank || !add) return;
  const said = new Intl.DateTimeFormat(form.dataset["language"], { month: "short", day: "numeric", weekday: "short" });
  const tell = (): void => {
    const begins = at?.value ? new Date(at.value) : new Date();
    for (const rung of list.querySelectorAll<HTMLElement>("[data-rung]")) {
      const days = Number(one<HTMLInputElement>("[name=step_days]", rung)?.value ?? ""), place = one("[data-day]", rung);
      if (place) place.textContent = Number.isFinite(days) && days >= 0 && days <= 365 ? said.format(new Date(begins.getTime() + days * DAY)) : "";
    }
  };
  add.hidden = false;
  add.addEventListener("click", () => { list.append(blank.content.cloneNode(true)); tell(); one("select", list.lastElementChild ?? list)?.focus(); });
  list.addEventListener("click", (event) => { (event.target as Element).closest("[data-rung-remove]")?.closest("[data-rung]")?.remove(); });
  form.addEventListener("input", tell);
  tell();
}
