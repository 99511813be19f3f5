// Sending: once, under a key made before the first try; and the seconds in which it can be taken back.

import { $, say } from "./page";
import { post, Refused } from "./net";
import { complain, toast } from "./toast";
import { moment } from "./times";
import { look } from "./socket";
import * as answers from "./answers";
import * as composer from "./composer";
import * as draft from "./composer/draft";
import * as list from "./list";
import * as thread from "./thread";
import * as words from "./composer/words";
import * as losses from "./composer/losses";
import * as weigh from "./composer/weigh";
import { arrived, carried, device, form, input, letter, mayFormat, newest } from "./composer/letter";

interface Told { delivery: number; conversation: number; state: string; leaves: string }

export function startSending(): void {
  document.addEventListener("submit", (event) => {
    if (event.target !== form()) return;
    event.preventDefault();
    void send();
  });
}

/** `then`: `resolve` or `pend` with it; `later`: when it leaves. */
export async function send(then = "", later = ""): Promise<void> {
  if (!form() || letter.busy || letter.composing) return;
  if (letter.uploading) return void toast(say("uploading", { name: "…" }));
  if (words.isEmpty() && !(letter.mode === "reply" && letter.files.length)) return words.focus();
  letter.busy = true;
  $("#send")?.setAttribute("aria-disabled", "true");
  const { place } = letter;
  try {
    await draft.isSaving();
    if (letter.mode === "reply" && !(await mayLeave())) return;
    if (letter.mode === "note") await sendNote(place);
    else await sendReply(place, then, later);
  } catch (error) {
    await refused(error);
  } finally {
    letter.busy = false;
    $("#send")?.removeAttribute("aria-disabled");
    if (letter.open && place === letter.place) {
      if (place > 0) look(place, "viewing");
      if (form()?.contains(document.activeElement) && document.activeElement?.id !== "to") words.focus(); // whoever has gone elsewhere is not called back
    }
    if (letter.dirty) draft.saveSoon();
  }
}

/** Whether nothing stands in the way: a file that cannot go, or a character that cannot be sent. */
async function mayLeave(): Promise<boolean> {
  const stuck = losses.stuck()[0], empty = answers.stuck();
  if (empty) complain(empty);
  else if (stuck) complain(new Refused(stuck, "stuck", 400));
  else if (!(await weigh.mayLeave())) complain(new Refused(say("cannotSend"), "unsendable", 400));
  else return true;
  letter.dirty = true;
  return false;
}

async function refused(error: unknown): Promise<void> {
  if (error instanceof Refused && error.code === "something_arrived") {
    await thread.catchUp();
    thread.toEnd();
    return arrived(true);
  }
  if (error instanceof Refused && error.code === "key_reused") letter.key = "";
  complain(error);
  letter.dirty = true;
  if (error instanceof Refused && error.code === "invalid_address") input("to")?.focus();
}

async function sendNote(place: number): Promise<void> {
  letter.key ||= crypto.randomUUID();
  await post(`/desk/api/conversations/${place}/notes`, { key: letter.key, text: words.text(), device });
  letter.key = "";
  if (letter.open && place === letter.place) { draft.clear(); composer.setMode("reply", false); }
  toast(say("noted"), { seconds: 2 });
}

async function sendReply(place: number, then: string, later: string): Promise<void> {
  letter.key ||= crypto.randomUUID();
  const fields = carried(draft.fields()), bar = $("#arrived");
  if (!mayFormat()) { delete fields.html; delete fields.images; }
  const looked = bar && !bar.hidden ? newest() : letter.seen || newest();
  const told = await post<Told>(place > 0 ? `/desk/api/conversations/${place}/messages` : "/desk/api/conversations", {
    key: letter.key, text: words.text(), ...fields, files: tokens(fields.files), images: tokens(fields.images),
    seen: Math.max(looked, 0), then, later: later || null, place, device,
  });
  const here = letter.open && place === letter.place;
  if (here) { letter.key = ""; draft.clear(); }
  if (here && place <= 0) await thread.open(told.conversation);
  thread.toEnd();
  void thread.catchUp();
  const left = Math.round((Date.parse(told.leaves) - Date.now()) / 1000);
  if (told.state === "queued" && left > 0) offerUndo(told.delivery, left, told.leaves);
  if (then === "resolve") list.refreshSoon();
}

const tokens = (files: { token: string }[] = []): string[] => files.map((file) => file.token);

function offerUndo(delivery: number, left: number, leaves: string): void {
  const soon = left <= 130;
  const undo = async () => {
    try {
      const back = await composer.takeBack(delivery);
      if (!back) return;
      if (!letter.open || back.conversation !== letter.place) await thread.open(back.conversation);
      toast(say("undone"));
      void thread.catchUp();
    } catch (error) {
      complain(error);
    }
  };
  toast(soon ? say("queued", { n: left }) : say("scheduled", { when: moment(leaves) }), {
    seconds: soon ? left : 8, choice: { name: say("undo"), run: () => void undo() },
    ...(soon ? { count: (n: number) => say("queued", { n }) } : {}),
  });
}
