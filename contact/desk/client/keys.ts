// Single keys, switchable, never in a field, never with a modifier, never in the middle of a syllable.

import { $, $$, setup } from "./page";
import { closeMenus, openDialog } from "./menus";
import { openPalette } from "./palette";

let going = 0;

export type Keys = Record<string, () => void>;

const inField = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;

/** Physical keys, so that shortcuts work while the Korean layout is on. */
function letter(event: KeyboardEvent): string {
  if (/^Key[A-Z]$/.test(event.code) && !/^[a-z]$/i.test(event.key)) return event.code.slice(3).toLowerCase();
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

export function startKeys(single: Keys, after: Keys, escape: () => void): void {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const key = letter(event);
    if ((event.ctrlKey || event.metaKey) && !event.altKey && key === "k") { event.preventDefault(); return openPalette(); }
    if (event.key === "Escape") return escaped(event, escape);
    if (event.ctrlKey || event.metaKey || event.altKey || inField(event.target)) return;
    if ($("dialog[open]") || $(".menu:popover-open")) return;
    if (!setup.prefs.shortcuts) return;
    const run = performance.now() < going ? after[key] : key === "g" ? () => { going = performance.now() + 1500; } : single[key];
    if (key !== "g") going = 0;
    if (!run) return;
    if (key === "Enter" && !(event.target === document.body || (event.target as Element).closest?.("#cards, main"))) return;
    event.preventDefault();
    run();
  });
}

function escaped(event: KeyboardEvent, escape: () => void): void {
  if ($("dialog[open]")) return; // the browser closes it
  if ($$(".menu:popover-open").length) return closeMenus();
  if (inField(event.target)) return (event.target as HTMLElement).blur();
  escape();
}

export const help = (): void => openDialog("keys");
