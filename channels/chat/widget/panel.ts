/** The widget's face: launcher, panel, header, menu, thread; draws what `App` knows. */

import type { App } from "./app";
import { cards, type Asked, type Desk } from "./cards";
import { Composer } from "./composer";
import { h, icon, iconButton, ICONS, reconcile } from "./dom";
import { Menu } from "./menu";
import { rows } from "./rows";

const PHONE = matchMedia("(max-width:520px)");

export class Panel implements Desk {
  readonly root: HTMLElement;
  asked: Asked = null;
  private readonly launch: HTMLButtonElement;
  private readonly badge = h("span.badge", { "aria-hidden": "true" });
  private readonly panel: HTMLElement;
  private readonly title = h("h2", { id: "title" });
  private readonly status = h("p");
  private readonly bar = h("div.bar", { role: "status" });
  private readonly hello = h("div.hello");
  private readonly log = h("div", { role: "log", "aria-live": "polite" });
  private readonly cardbox = h("div");
  private readonly dots = h("div.dots");
  private readonly scroll: HTMLElement;
  private readonly jump: HTMLButtonElement;
  private readonly said = h("p.vh", { role: "status" });
  private readonly over = h("div.over", { hidden: true });
  private readonly composer: Composer;
  private readonly menu: Menu;
  private readonly shownLines = new Map<string, HTMLElement>();
  private readonly shownCards = new Map<string, HTMLElement>();
  private open = false;
  private pageOverflow = "";
  private lastShown = 0;
  private looking = false;

  constructor(readonly app: App) {
    const { words } = app;
    this.launch = h("button.launch", { type: "button", "aria-haspopup": "dialog", onclick: () => this.toggle() });
    this.composer = new Composer(app);
    this.menu = new Menu(this);
    this.scroll = h("div.scroll", { tabIndex: 0, role: "region", "aria-label": words.log }, this.hello, this.log, this.cardbox, this.dots);
    this.jump = h("button.jump", { type: "button", hidden: true, onclick: () => this.toEnd() }, words.newer, icon(ICONS.down));
    this.composer.form.prepend(this.jump);
    this.over.textContent = words.drop;
    const close = iconButton("close", words.close, () => this.toggle(false));
    this.panel = h(
      "section.panel",
      { role: "dialog", "aria-labelledby": "title", hidden: true },
      h("header", {}, h("div", {}, this.title, this.status), this.menu.button, close),
      this.menu.list,
      this.bar,
      this.scroll,
      this.said,
      this.composer.form,
      this.over,
    );
    this.root = h("div.root", { lang: app.lang }, this.panel, this.launch);
    this.listen();
  }

  /** Where the page left it: an open panel stays open on the next page, except over a phone's whole screen. */
  restore(): void {
    if (this.app.session.get("open") && !PHONE.matches) this.toggle(true, false);
    this.show();
  }

  toggle(open = !this.open, focus = true): void {
    if (open === this.open) return;
    this.open = open;
    this.app.session.set("open", open);
    this.panel.hidden = !open;
    this.root.classList.toggle("open", open);
    this.modal(open && PHONE.matches);
    if (open) {
      void this.app.connect();
      this.composer.follow();
      this.composer.grow();
    } else this.menu.toggle(false);
    this.watch();
    this.show();
    if (open) this.toEnd();
    if (focus) (open ? this.composer.text : this.launch).focus();
  }

  // handed on by the cards without their object
  ask = (card: Asked): void => {
    this.asked = card;
    this.show();
    if (card) {
      this.toEnd();
      (this.cardbox.lastElementChild?.querySelector("input,button.go") as HTMLElement | null)?.focus();
    } else this.composer.text.focus();
  };

  say = (text: string): void => {
    this.said.textContent = text;
    this.app.set({ notice: text });
    setTimeout(() => this.app.notice === text && this.app.set({ notice: null }), 6000);
  };

  /** Draw everything that changed. Cheap when nothing did. */
  show(): void {
    this.showLauncher();
    if (!this.open) return;
    const atEnd = this.atEnd();
    this.showHeader();
    this.showThread();
    this.composer.show();
    this.menu.show();
    const last = this.app.thread.last() + this.app.pending().length;
    if (atEnd) this.toEnd();
    else if (last > this.lastShown && this.lastShown) this.jump.hidden = false;
    this.lastShown = last;
    this.app.look();
  }

  private showLauncher(): void {
    const { words } = this.app;
    const unread = this.open ? 0 : this.app.unread();
    const label = this.open ? words.close : unread ? `${words.open}, ${words.unread(unread)}` : words.open;
    if (this.launch.ariaLabel === label) return;
    this.launch.ariaLabel = label;
    this.launch.ariaExpanded = String(this.open);
    this.badge.textContent = unread > 99 ? "99+" : String(unread);
    this.launch.replaceChildren(icon(this.open ? ICONS.down : ICONS.chat), unread ? this.badge : "");
  }

  private showHeader(): void {
    const { words, hello, presence, notice, down, outgoing } = this.app;
    put(this.title, words.title(hello?.name ?? ""));
    const online = !!presence?.agents_online;
    const time = presence?.expected_seconds;
    const wait = time ? words.answer(words.seconds(time)) : words.answerSoon;
    if (presence && put(this.status, online ? `${words.online} · ${time ? wait : ""}`.replace(/ · $/, "") : `${words.offline} · ${wait}`))
      this.status.prepend(h(online ? "i.on" : "i"));
    const waiting = outgoing.waiting();
    const count = waiting && (down || notice) ? words.waiting(waiting) : "";
    const text = notice ?? (down ? (this.app.hello ? words.down : words.connecting) : "");
    this.bar.hidden = !text;
    if (this.bar.dataset.text !== text + count) {
      this.bar.dataset.text = text + count;
      this.bar.replaceChildren(h("span", {}, text), count ? h("b", {}, count) : "");
    }
  }

  private showThread(): void {
    const { words, hello, presence, typist } = this.app;
    const lines = rows(this.app);
    reconcile(this.log, lines, this.shownLines);
    reconcile(this.cardbox, cards(this), this.shownCards);
    this.hello.hidden = lines.length > 0;
    const own = hello?.greeting ?? "", away = presence && !presence.agents_online ? hello?.closed || words.offlineText : own ? "" : words.helloText;
    const text = own && away ? `${own}\n${away}` : own || away;
    if (this.hello.dataset.text !== text) {
      this.hello.dataset.text = text;
      this.hello.replaceChildren(h("div.face", {}, icon(ICONS.chat)), h("h3", {}, words.hello), h("p", {}, text));
    }
    const writing = typist === null ? "" : words.typing(typist);
    if (put(this.dots, writing)) this.dots.replaceChildren(writing ? h("i", {}, h("b"), h("b"), h("b")) : "", writing);
    this.dots.hidden = !writing;
  }

  private listen(): void {
    this.root.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["keyup", "keypress"] as const) this.root.addEventListener(name, (event) => event.stopPropagation());
    this.scroll.addEventListener("scroll", () => this.scrolled(), { passive: true });
    for (const name of ["visibilitychange", "focus", "blur"]) (name === "visibilitychange" ? document : window).addEventListener(name, () => this.watch());
    window.visualViewport?.addEventListener("resize", () => this.fit());
    PHONE.addEventListener("change", () => this.modal(this.open && PHONE.matches));
    this.app.keep.onChange((name) => name === "draft" && this.composer.follow());
    let inside = 0;
    this.panel.addEventListener("dragenter", (event) => (this.over.hidden = !(event.dataTransfer?.types.includes("Files") && ++inside)));
    this.panel.addEventListener("dragleave", () => (this.over.hidden = --inside <= 0));
    this.panel.addEventListener("dragover", (event) => event.preventDefault());
    this.panel.addEventListener("drop", (event) => {
      event.preventDefault();
      inside = 0;
      this.over.hidden = true;
      this.app.uploads.add(event.dataTransfer?.files ?? []);
    });
  }

  /** The shop's own shortcuts must not hear what is typed here. */
  private key(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.key === "Escape" && !event.isComposing) {
      if (this.menu.open) this.menu.toggle(false, true);
      else if (this.asked) this.ask(null);
      else this.toggle(false);
    } else if (event.key === "Tab" && this.panel.ariaModal === "true") this.trap(event);
  }

  private trap(event: KeyboardEvent): void {
    const stops = [...this.panel.querySelectorAll<HTMLElement>("button,input,textarea,a[href],[tabindex='0']")].filter(
      (stop) => !(stop as HTMLButtonElement).disabled && stop.tabIndex >= 0 && stop.offsetParent,
    );
    const edge = event.shiftKey ? stops[0] : stops.at(-1);
    if ((this.root.getRootNode() as ShadowRoot).activeElement !== edge) return;
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
  }

  /** On a phone the sheet covers the page: it is modal and the page behind stands still. */
  private modal(on: boolean): void {
    const was = this.panel.ariaModal === "true";
    this.panel.ariaModal = on ? "true" : null;
    const { style } = document.documentElement;
    if (on && !was) {
      this.pageOverflow = style.overflow;
      style.overflow = "hidden";
    } else if (!on && was) style.overflow = this.pageOverflow;
    this.fit();
  }

  /** Above the on-screen keyboard, which shrinks only the visual viewport. */
  private fit(): void {
    const view = window.visualViewport;
    const keyboard = !!view && this.panel.ariaModal === "true" && innerHeight - view.height > 120;
    this.panel.style.height = keyboard ? `${view.height}px` : "";
    this.panel.style.top = keyboard ? `${view.offsetTop}px` : "";
    this.panel.classList.toggle("kbd", keyboard);
    this.toEnd();
  }

  private watch(): void {
    this.app.watched = this.open && !document.hidden;
    if (this.app.watched) this.app.look();
  }

  private scrolled(): void {
    if (this.atEnd()) this.jump.hidden = true;
    if (this.scroll.scrollTop > 60 || !this.app.thread.older || this.looking) return;
    this.looking = true;
    const below = this.scroll.scrollHeight - this.scroll.scrollTop;
    void this.app.thread.lookBack(this.app.wire).then(() => {
      this.show();
      this.scroll.scrollTop = this.scroll.scrollHeight - below;
      this.looking = false;
    });
  }

  private atEnd(): boolean {
    return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 80;
  }

  private toEnd(): void {
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.jump.hidden = true;
  }
}

/** Set the text; true when it was another. */
function put(element: HTMLElement, text: string): boolean {
  if (element.dataset.text === text) return false;
  element.dataset.text = element.textContent = text;
  return true;
}
