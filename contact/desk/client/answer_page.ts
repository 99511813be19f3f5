// The editor of canned and automatic answers: variants are added and removed, and everything is shown as it would read.

import { post } from "./net";
import { settled } from "./page";

interface Shown { text: string; empty?: string[]; wrong?: string | null; language?: string; channel?: string }

const one = <T extends HTMLElement>(selector: string, root: ParentNode): T | null => root.querySelector<T>(selector);

export function answerPage(form: HTMLFormElement): void {
  const list = one("[data-variants]", form), blank = one<HTMLTemplateElement>("template[data-variant-blank]", form), look = one("[data-answer-look]", form);
  const add = one<HTMLButtonElement>("[data-variant-add]", form);
  if (add && list && blank) {
    add.hidden = false;
    add.addEventListener("click", () => {
      list.append(blank.content.cloneNode(true));
      list.lastElementChild?.querySelector("textarea")?.focus();
    });
  }
  form.addEventListener("click", (event) => {
    const button = (event.target as Element).closest("[data-variant-remove]");
    if (!button) return;
    if ((list?.children.length ?? 0) > 1) button.closest("[data-variant]")?.remove();
    else for (const field of button.closest("[data-variant]")?.querySelectorAll("textarea") ?? []) field.value = "";
    soon();
  });
  if (!look) return;
  look.hidden = false;
  const soon = settled(() => void show(form, look), 200, 600);
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  void show(form, look);
}

async function show(form: HTMLFormElement, look: HTMLElement): Promise<void> {
  const value = (selector: string): string => one<HTMLSelectElement>(selector, look)?.value ?? "";
  const variants = [...form.querySelectorAll("[data-variant]")].map((part) => ({
    text: one<HTMLTextAreaElement>("[name=v_text]", part)?.value ?? "", language: one<HTMLSelectElement>("[name=v_language]", part)?.value ?? "",
    channel: one<HTMLSelectElement>("[name=v_channel]", part)?.value ?? "",
  }));
  const asked = { variants, contact: value("[data-look-contact]"), channel: value("[data-look-channel]"), language: value("[data-look-language]") };
  const found = await post<Shown & Record<string, unknown>>(form.dataset["answerPreview"] ?? "", asked).catch(() => null);
  if (found) tell(look, found);
}

function tell(look: HTMLElement, found: Shown): void {
  const text = one("[data-look-text]", look), wrong = one("[data-look-wrong]", look), empty = one("[data-look-empty]", look);
  if (text) text.replaceChildren(...marked(found.text));
  if (wrong) {
    wrong.hidden = !found.wrong;
    wrong.textContent = !found.wrong ? "" : /[{}]/.test(found.wrong) ? wrong.dataset["braces"] ?? "" : (wrong.dataset["unknown"] ?? "").replace("{name}", found.wrong);
  }
  if (empty) {
    empty.hidden = !found.empty?.length;
    empty.textContent = (empty.dataset["said"] ?? "").replace("{names}", (found.empty ?? []).join(", "));
  }
}

/** The signs of empty fields stand out. */
function marked(text: string): (Node | string)[] {
  return text.split(/(⟦[^⟦⟧\n]{1,60}\?⟧)/).map((part, at) => {
    if (at % 2 === 0) return part;
    const mark = document.createElement("mark");
    mark.textContent = part;
    return mark;
  });
}

/** An automatic answer: each text shows beside it what a customer would read now. */
export function automaticPage(field: HTMLTextAreaElement): void {
  const place = document.getElementById(field.dataset["reads"] ?? "");
  if (!place) return;
  const show = async (): Promise<void> => {
    const asked = { text: field.value, language: field.dataset["language"] ?? "" };
    const found = await post<Shown & Record<string, unknown>>(field.dataset["preview"] ?? "", asked).catch(() => null);
    if (found) place.textContent = found.wrong ? "" : found.text;
    field.setAttribute("aria-invalid", String(Boolean(found?.wrong)));
  };
  field.addEventListener("input", settled(() => void show(), 250, 800));
}
