// Menus (popovers placed at their button), dialogs, and the roving arrow keys inside them.

import { $$ } from "./page";

const gap = 6;
let opener: HTMLElement | null = null;

export function openMenu(id: string, button: HTMLElement): void {
  const menu = document.getElementById(id);
  if (!menu) return;
  if (menu.matches(":popover-open")) return menu.hidePopover();
  opener = button;
  menu.showPopover();
  place(menu, button);
  ($$("input, [role=menuitem], button", menu)[0] ?? menu).focus();
}

function place(menu: HTMLElement, button: HTMLElement): void {
  const at = button.getBoundingClientRect(), size = menu.getBoundingClientRect();
  const below = at.bottom + gap + size.height < innerHeight;
  const top = below ? at.bottom + gap : Math.max(8, at.top - gap - size.height);
  const left = Math.min(Math.max(8, at.left), innerWidth - size.width - 8);
  menu.style.top = `${top}px`;
  menu.style.left = `${left}px`;
}

export function closeMenus(): void {
  for (const menu of $$(".menu:popover-open")) menu.hidePopover();
}

export function openDialog(id: string): void {
  closeMenus();
  const dialog = document.getElementById(id);
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

function arrows(event: KeyboardEvent): void {
  const menu = (event.target as Element).closest?.<HTMLElement>(".menu:popover-open");
  if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  if ((event.target as Element).matches("input, textarea, select")) return;
  const items = $$("button, a", menu), now = items.indexOf(document.activeElement as HTMLElement);
  const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: -1 }[event.key] ?? 0;
  event.preventDefault();
  items.at(next % items.length)?.focus();
}

export function startMenus(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const button = target.closest<HTMLElement>("[data-menu]");
    if (button) return openMenu(button.dataset["menu"] ?? "", button.closest(".menu") ? (opener ?? button) : button);
    const dialog = target.closest<HTMLElement>("[data-dialog]");
    if (dialog) return openDialog(dialog.dataset["dialog"] ?? "");
    if (target.closest("[data-close]")) target.closest("dialog")?.close();
    if (target instanceof HTMLDialogElement) target.close();
  });
  document.addEventListener("keydown", arrows);
  document.addEventListener("toggle", (event) => {
    const menu = event.target as HTMLElement;
    if (menu.classList?.contains("menu") && (event as ToggleEvent).newState === "closed" && menu.contains(document.activeElement)) opener?.focus();
  }, true);
}
