// Macros in the thread's menu, for several chosen conversations, and as commands; undone by the toast's button.

import { $, $$, icon, make, say } from "./page";
import { api, post } from "./net";
import { complain, toast } from "./toast";
import { closeMenus } from "./menus";
import * as list from "./list";
import * as thread from "./thread";
import type { Command } from "./palette";

interface Macro { id: number; name: string; does: string }
interface Told { macros: Macro[]; words: Record<string, string> }

const UNDO = 12;
let known: Told = { macros: [], words: {} };
let asked = false;

async function look(): Promise<void> {
  try { known = await api<Told & Record<string, unknown>>("GET", "/desk/macros/mine"); for (const menu of $$("[data-macros]:popover-open")) fill(menu); }
  catch { /* the next look may reach the server */ }
}

function fill(menu: HTMLElement): void {
  const many = menu.dataset["macros"] === "many";
  const lines = known.macros.map((macro) => {
    const line = make("button", { type: "button", role: "menuitem", title: macro.does }, icon("command"), macro.name);
    line.addEventListener("click", () => { closeMenus(); void apply(macro, many ? list.picked() : [thread.opened()]); });
    return line;
  });
  const none = known.macros.length ? [] : [make("p", { class: "muted menu-none" }, known.words["none"] ?? "")];
  menu.replaceChildren(...lines, ...none, make("hr"), make("a", { href: "/desk/macros", role: "menuitem" }, icon("edit"), known.words["make"] ?? ""));
}

async function apply(macro: Macro, ids: number[]): Promise<void> {
  if (!ids.length || !ids[0]) return void toast(say("openOne"));
  try {
    const done = await post<{ rows: number[]; message: string }>(`/desk/macros/${macro.id}/apply`, { ids });
    toast(done.message, { seconds: UNDO, choice: { name: say("undo"), run: () => void undo(done.rows) } });
    list.toggleBulk(false);
    told();
  } catch (error) { complain(error); }
}

/** From the toast, or from the macro's own row in the thread. */
export async function undo(rows: number[]): Promise<void> {
  try {
    const done = await post<{ message: string; changed: number[]; sent: number[] }>("/desk/macros/undo", { rows });
    toast(done.message, { bad: done.changed.length + done.sent.length > 0, seconds: 6 });
    for (const row of rows) $(`[data-act=undo-macro][data-row="${row}"]`)?.remove();
    told();
  } catch (error) { complain(error); }
}

function told(): void {
  void thread.catchUp();
  list.refreshSoon();
  list.refreshNavSoon();
}

/** For the palette: one command each, on the conversation on screen. */
export const macroCommands = (): Command[] => known.macros.map((macro) => ({
  name: (known.words["name"] ?? "{name}").replace("{name}", macro.name), alias: `macro ${macro.does}`, glyph: "command", run: () => void apply(macro, [thread.opened()]),
}));

export function startMacros(): void {
  if (!$("#console")) return;
  void look();
  document.addEventListener("beforetoggle", (event) => {
    const menu = event.target as HTMLElement;
    if (!menu.matches?.("[data-macros]") || (event as ToggleEvent).newState !== "open") return;
    fill(menu);
    if (asked) void look();
    asked = true;
  }, true);
}
