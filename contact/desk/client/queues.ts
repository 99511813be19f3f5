// Queues in the palette, and "I take work": the switch in the rail, without loading the page anew.

import { $, $$ } from "./page";
import type { Command } from "./palette";
import { complain } from "./toast";

/** What the thread's own menu offers, by the words that stand there. */
export function queueCommands(put: (number: string) => void): Command[] {
  const label = $("#menu-queue")?.getAttribute("aria-label") ?? "";
  return $$("#menu-queue [data-verb=queue]").map((button) => {
    const name = button.textContent?.trim() ?? "";
    return { name: `${label}: ${name}`, alias: name, glyph: "bullets", run: () => put(button.dataset["value"] ?? "") };
  });
}

/** `refresh` draws the rail again. */
export function startTakesWork(refresh: () => void): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (!form.matches("[data-takes-work]")) return;
    event.preventDefault();
    void toggle(form, refresh);
  });
}

async function toggle(form: HTMLFormElement, refresh: () => void): Promise<void> {
  const button = form.querySelector<HTMLButtonElement>("[role=switch]");
  const on = form.querySelector<HTMLInputElement>("[name=on]")?.value === "1";
  button?.setAttribute("aria-checked", String(on)); // at once; the rail drawn anew says how it is
  try {
    const answer = await fetch(form.action, { method: "POST", credentials: "same-origin", headers: { Accept: "application/json" }, body: new FormData(form) });
    if (!answer.ok) throw new Error(answer.statusText);
  } catch (error) {
    button?.setAttribute("aria-checked", String(!on));
    complain(error);
  }
  refresh();
}
