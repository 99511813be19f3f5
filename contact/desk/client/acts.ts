// Verbs on conversations: one call for one or many, then the log tells everybody.

import { $, say, setup } from "./page";
import { post } from "./net";
import { openDialog } from "./menus";
import { complain, toast } from "./toast";
import * as list from "./list";
import * as thread from "./thread";

export async function act(verb: string, value: unknown = null, ids: number[] = [thread.opened()], note = ""): Promise<boolean> {
  if (!ids.length || !ids[0]) { toast(say("openOne")); return false; }
  try {
    await post("/desk/api/act", { verb, ids, value, ...(note ? { note } : {}) });
    if (ids.includes(thread.opened())) void thread.catchUp();
    list.refreshSoon();
    list.refreshNavSoon();
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

export async function resolve(): Promise<void> {
  const button = $("#thread-head [data-verb=resolve]");
  await act(button ? "resolve" : "reopen");
}

export async function merge(into: string): Promise<void> {
  const number = Number(into.replace(/\D/g, ""));
  if (await act("merge", number)) await thread.open(number);
}

export async function bulk(what: string): Promise<void> {
  const ids = list.picked();
  if (!ids.length) return;
  if (what === "tag") return openDialog("dialog-bulk-tag");
  if (await act(what, what === "assign" ? setup.me.id : null, ids)) list.toggleBulk(false);
}

/** A form inside the head of the thread. */
export async function submit(form: HTMLFormElement, name: string): Promise<void> {
  const given = Object.fromEntries(new FormData(form)) as Record<string, string>;
  const verbs: Record<string, () => Promise<boolean>> = {
    snooze: () => act("snooze", new Date(given["at"] ?? "").toISOString()),
    tag: () => act("tag", given["tag"]),
    "bulk-tag": async () => { const done = await act("tag", given["tag"], list.picked()); if (done) list.toggleBulk(false); return done; },
    rename: () => act("rename", given["subject"]),
    transfer: () => act("assign", Number(given["to"]), [thread.opened()], given["note"] ?? ""),
    merge: async () => { form.closest("dialog")?.close(); await merge(given["into"] ?? ""); return true; },
  };
  const done = await verbs[name]?.();
  if (!done) return;
  form.reset();
  form.closest("dialog")?.close();
  const menu = form.closest<HTMLElement>(".menu");
  if (menu?.matches(":popover-open")) menu.hidePopover();
}
