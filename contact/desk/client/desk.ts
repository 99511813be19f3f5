// The console. The server renders; this brings news into the page, and turns keys and clicks into verbs.

import { $, $$, say, setup } from "./page";
import { post } from "./net";
import { complain } from "./toast";
import * as acts from "./acts";
import * as composer from "./composer";
import * as customer from "./customer";
import * as fresh from "./fresh";
import * as list from "./list";
import * as older from "./older";
import * as thread from "./thread";
import { send, startSending } from "./send";
import { help, startKeys } from "./keys";
import { closeMenus, openDialog, openMenu, startMenus } from "./menus";
import { ring, setCount, setTitle } from "./notice";
import { command, openPalette, startPalette, type Command } from "./palette";
import { connect, type Changed } from "./socket";
import { macroCommands, startMacros, undo } from "./macros";
import { startImports } from "./imports";
import { startRules } from "./rules";
import { drawer, sheets } from "./sheets";
import { queueCommands, startTakesWork } from "./queues";
import { startTimes } from "./times";
import { startLevels, tellLevel } from "./levels";
import * as weigh from "./composer/weigh";

const isConsole = (): boolean => $("#console") !== null;
const to = (href: string) => () => (isConsole() && href.startsWith("/desk?") ? void list.go(href) : location.assign(href));
const menu = (id: string, key: string) => () => { const button = $(`[data-key=${key}]`) ?? $("[data-menu=menu-more]"); if (button) openMenu(id, button); };

// -- clicks

const deeds: Record<string, (button: HTMLElement) => void> = {
  bulk: () => list.toggleBulk(),
  back: () => (history.state?.conversation && history.length > 1 ? history.back() : thread.close()),
  customer: () => void $("#conversation")?.classList.toggle("show-customer"),
  earlier: () => void older.earlier(),
  between: (button) => { const place = button.closest<HTMLElement>(".gap"); if (place) void older.close(place); },
  discard: () => { composer.discard(); fresh.begin(); },
  copies: () => composer.copies(),
  anyway: () => void send(),
  unread: () => { closeMenus(); void acts.act("unread").then(() => thread.close()); },
  html: (button) => { closeMenus(); thread.turnHtml(button.dataset["row"] ?? ""); },
  pictures: (button) => void thread.pictures(button.dataset["row"] ?? "", false),
  trust: (button) => void thread.pictures(button.dataset["row"] ?? "", true),
  "undo-macro": (button) => void undo([Number(button.dataset["row"])]),
  pages: () => weigh.pages(),
  leaving: (button) => drawer(`/desk/pages/deliveries/${button.dataset["id"]}`, weigh.pageWords()),
  "story-older": (button) => void customer.older(button),
};

function clicked(event: MouseEvent): void {
  const target = event.target as Element;
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = target.closest<HTMLAnchorElement>("a[href]");
  if (link && follow(link)) return event.preventDefault();
  const button = target.closest<HTMLElement>("button, [data-act]");
  if (!button) return;
  const data = button.dataset;
  if (data["act"] && deeds[data["act"]]) { event.preventDefault(); deeds[data["act"]]?.(button); }
  else if (data["verb"]) {
    closeMenus();
    if (data["verb"] === "merge") void acts.merge(data["value"] ?? "");
    else void acts.act(data["verb"], data["value"] ?? null, data["ids"] ? [Number(data["ids"])] : undefined);
  }
  else if (data["bulk"]) void acts.bulk(data["bulk"]);
  else if (data["decide"]) void thread.decide(button.closest<HTMLElement>("[data-delivery]")?.dataset["delivery"] ?? "", data["decide"]);
  else if (data["modeSet"]) composer.setMode(data["modeSet"] as "reply" | "note");
  else if (data["send"]) sendBy(data["send"]);
  else if (data["later"]) { closeMenus(); void send("", data["later"]); }
  else if (data["contactAct"]) void customer.act(data["contactAct"], data["other"] ?? "");
  else if (button.id === "below") { thread.toEnd(); thread.markSeen(); }
}

function sendBy(how: string): void {
  const at = $<HTMLInputElement>("#later-at")?.value ?? "";
  if (how === "later" && !at) return void $("#later-at")?.focus();
  closeMenus();
  void (how === "later" ? send("", new Date(at).toISOString()) : send(how));
}

/** Whether the page itself goes there, without a reload. */
function follow(link: HTMLAnchorElement): boolean {
  if (link.target || link.origin !== location.origin || !isConsole()) return false;
  if (link.matches("[data-more]")) { void list.more(link); return true; }
  if (link.dataset["act"] === "search") { location.assign(link.href); return true; }
  if (link.dataset["act"]) return false;
  const found = /^\/desk\/conversations\/(\d+)$/.exec(link.pathname);
  if (found) { void thread.open(Number(found[1]), true, link.pathname + (link.search || `?${list.query()}`) + link.hash); return true; }
  if (fresh.isFresh(link.href)) { closeNav(); void fresh.open(link.pathname + link.search); return true; }
  if (link.pathname !== "/desk") return false;
  closeNav();
  void list.go(link.href);
  return true;
}

function closeNav(): void {
  const nav = $("#nav");
  if (nav?.matches(":popover-open")) nav.hidePopover();
}

function submitted(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement, name = form.dataset["form"];
  if (!name) return;
  event.preventDefault();
  void (["contact", "erase", "same", "wish"].includes(name) ? customer.submit(form, name) : acts.submit(form, name));
}

function wentBack(): void {
  const found = /^\/desk\/conversations\/(\d+)/.exec(location.pathname);
  if (found) void thread.open(Number(found[1]), false);
  else if (isConsole() && fresh.isFresh(location.href)) void fresh.open(location.href, false);
  else if (location.pathname === "/desk") {
    if (location.search.slice(1) !== list.query()) void list.go(location.href, false);
    thread.close(false);
  } else location.reload();
}

// -- news

function changed(told: Changed): void {
  list.refreshSoon();
  list.refreshNavSoon();
  const opened = thread.opened();
  for (const [number, [assignee, said]] of Object.entries(told.conversations ?? {})) {
    if (said && (assignee === null || assignee === setup.me.id) && (Number(number) !== opened || document.hidden)) ring();
    if (Number(number) === opened) customer.refreshLater();
  }
}

function online(users: number[]): void {
  for (const place of $$("[data-user]")) place.classList.toggle("is", users.includes(Number(place.dataset["user"])));
}

// -- commands

async function theme(): Promise<void> {
  const root = document.documentElement;
  const dark = getComputedStyle(root).colorScheme.includes("dark");
  root.dataset["theme"] = dark ? "light" : "dark";
  await post("/desk/api/theme", { theme: root.dataset["theme"] }).catch(complain);
}

function commands(): Command[] {
  const go = [
    command("begin", "edit", () => void fresh.open(), "c"),
    command("goMine", "mine", to("/desk?list=mine"), "g i"),
    command("goUnassigned", "unassigned", to("/desk?list=unassigned"), "g u"),
    command("goAll", "all", to("/desk?list=all"), "g a"),
    command("goMentions", "at", to("/desk?list=mentions"), "g m"),
    command("goHome", "home", to("/desk/home"), "g h"),
    command("goContacts", "customer", to("/desk/contacts"), "g c"),
    command("search", "search", to("/desk/search"), "/"),
    command("goSandbox", "sandbox", to("/desk/sandbox")),
    command("goSettings", "settings", to("/me")),
    command("theme", "moon", () => void theme()),
    command("keys", "keyboard", help, "?"),
  ];
  if (setup.me.role !== "agent") go.push(command("goTrouble", "trouble", to("/desk/failed")));
  if (setup.me.role === "admin") go.push(command("goInboxes", "inbox", to("/desk/inboxes")));
  const views = $$<HTMLAnchorElement>("#nav a:is([href*='list=view-'], [href*='list=queue-'])").map((link) =>
    ({ name: $(".nav-name", link)?.textContent ?? "", alias: "", glyph: "view", run: () => void list.go(link.href) }));
  return [...(thread.opened() ? inThread() : []), ...go, ...views];
}

function inThread(): Command[] {
  const people = $$("#menu-assign [data-verb=assign]").filter((button) => button.dataset["value"] && Number(button.dataset["value"]) !== setup.me.id)
    .map((button) => ({ name: say("assignTo", { who: button.textContent?.trim() ?? "" }), alias: button.textContent ?? "", glyph: "assign",
      run: () => void acts.act("assign", button.dataset["value"]) }));
  return [
    command("reply", "reply", () => composer.setMode("reply"), "r"),
    command("note", "note", () => composer.setMode("note"), "n"),
    $("#thread-head [data-verb=resolve]") ? command("resolve", "resolve", () => void acts.resolve(), "e") : command("reopen", "reopen", () => void acts.resolve(), "e"),
    command("assignMe", "mine", () => void acts.act("assign", setup.me.id)),
    command("assignNobody", "unassigned", () => void acts.act("assign", null)),
    command("pending", "pending", () => void acts.act("pend")),
    command("snooze", "snooze", menu("menu-snooze", "s"), "s"),
    command("tag", "tag", menu("menu-tag", "t"), "t"),
    ...["urgent", "high", "normal", "low"].map((name) => command(name, "flag", () => void acts.act("priority", name))),
    command("unread", "unread", () => deeds["unread"]?.(document.body), "u"),
    command("merge", "merge", () => openDialog("dialog-merge")),
    command("customer", "customer", () => deeds["customer"]?.(document.body)),
    ...people,
    ...macroCommands(),
    ...people, ...queueCommands((number) => void acts.act("queue", number)),
  ];
}

const single = {
  j: () => void list.step(1), k: () => void list.step(-1),
  ArrowDown: () => void list.step(1), ArrowUp: () => void list.step(-1),
  o: () => openFocused(), Enter: () => openFocused(),
  r: () => composer.setMode("reply"), n: () => composer.setMode("note"),
  e: () => void acts.resolve(), a: menu("menu-assign", "a"), s: menu("menu-snooze", "s"), t: menu("menu-tag", "t"), p: menu("menu-priority", "a"),
  u: () => deeds["unread"]?.(document.body), x: pick,
  c: () => void fresh.open(), "/": to("/desk/search"), "?": help,
};
const afterG = {
  i: to("/desk?list=mine"), u: to("/desk?list=unassigned"), a: to("/desk?list=all"), m: to("/desk?list=mentions"),
  h: to("/desk/home"), c: to("/desk/contacts"), s: to("/desk/search"),
};

function openFocused(): void {
  const focused = document.activeElement;
  if (focused instanceof HTMLElement && focused !== document.body && !focused.closest("#cards")) return focused.click();
  const card = focused?.closest<HTMLElement>(".card-line") ?? list.step(0);
  $("a", card ?? document)?.click();
}

function pick(): void {
  const box = (document.activeElement?.closest(".card-line") ?? $(".card-line.current"))?.querySelector<HTMLInputElement>(".pick");
  if (box) { box.checked = !box.checked; list.bulkBar(); }
}

// -- begin

list.iAm(setup.me.id);
if (location.pathname === "/desk" && !location.search) history.replaceState(history.state, "", `/desk?${list.query()}`); // the server chose
startMenus();
startSending();
startTimes();
startLevels();
startTakesWork(() => list.refreshNavSoon());
startPalette(commands);
customer.startCustomer();
document.addEventListener("click", clicked);
document.addEventListener("submit", submitted);
document.addEventListener("change", (event) => { if ((event.target as Element).matches(".pick")) list.bulkBar(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) { thread.markSeen(); list.refreshNavSoon(); } });
window.addEventListener("popstate", wentBack);
window.addEventListener("pagehide", () => composer.leave());
startKeys(isConsole() ? single : { c: single.c, "/": single["/"], "?": help }, afterG, () => { if (isConsole() && thread.thread()) thread.close(); });
setTitle(document.title.split(" · ")[0] ?? "");
setCount(Number($("#nav")?.dataset["unread"] ?? 0));
if (thread.thread()) thread.begin();
sheets();
startRules();
startImports();
startMacros();
if (fresh.isFresh(location.href)) fresh.begin();
$("[data-act=palette]")?.addEventListener("click", openPalette);
connect({
  rows: thread.heard,
  changed,
  viewing: list.saw,
  typing: (number, on, name) => { if (number === thread.opened()) thread.typing(on, name); },
  draft: (number, draft, device) => composer.fromElsewhere(number, draft as composer.Draft | null, device),
  online,
  level: (told) => tellLevel(told, (number) => void thread.open(number)),
  back: () => { void thread.catchUp(); list.refreshSoon(); list.refreshNavSoon(); },
});
