/** The menu behind the three dots. */

import type { Desk } from "./cards";
import { h, iconButton } from "./dom";

export class Menu {
  readonly button: HTMLButtonElement;
  readonly list = h("div.menu", { role: "menu", hidden: true });
  open = false;

  constructor(private readonly desk: Desk) {
    this.button = iconButton("more", desk.app.words.menu, () => this.toggle(!this.open, true));
    this.button.ariaHasPopup = "menu";
    this.button.ariaExpanded = "false";
    this.list.onkeydown = (event) => this.key(event);
    this.list.addEventListener("focusout", (event) => {
      if (event.relatedTarget !== this.button && !this.list.contains(event.relatedTarget as Node | null)) this.toggle(false);
    });
  }

  toggle(open: boolean, focus = false): void {
    if (open === this.open) return;
    this.open = open;
    this.button.ariaExpanded = String(open);
    this.list.hidden = !open;
    this.list.replaceChildren(...(open ? this.items() : []));
    if (focus) (open ? (this.list.firstElementChild as HTMLElement) : this.button).focus();
  }

  show(): void {
    for (const item of this.list.querySelectorAll<HTMLElement>("[data-switch]")) {
      item.ariaChecked = String(this.on(item.dataset.switch!));
    }
  }

  private items(): HTMLElement[] {
    const { app } = this.desk;
    const { words, thread } = app;
    const items = [
      this.choice(words.sound, "sound", () => app.keep.set("sound", !this.on("sound"))),
      this.choice(words.pages, "pages", () => app.share(!app.sharing)),
    ];
    if (thread.items.length) {
      items.push(this.item(words.transcript, () => this.desk.ask("transcript")));
      if (!app.ended) items.push(this.item(words.end, () => this.desk.ask("end"), "bad"));
    }
    return items;
  }

  private on(name: string): boolean {
    return name === "sound" ? this.desk.app.keep.get("sound") !== false : this.desk.app.sharing;
  }

  private item(text: string, act: () => void, kind = ""): HTMLElement {
    const onclick = (): void => {
      this.toggle(false);
      act();
    };
    return h("button", { type: "button", role: "menuitem", className: kind, onclick }, text);
  }

  private choice(text: string, name: string, change: () => void): HTMLElement {
    const onclick = (): void => {
      change();
      this.show();
    };
    const item = h("button.sw", { type: "button", role: "menuitemcheckbox", "data-switch": name, onclick }, text);
    item.ariaChecked = String(this.on(name));
    return item;
  }

  private key(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...this.list.children] as HTMLElement[];
    const now = all.findIndex((item) => item.matches(":focus"));
    all[(now + step + all.length) % all.length]?.focus();
  }
}
