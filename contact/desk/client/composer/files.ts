// Files of a letter: those attached to it, and pictures that stand among its words.

import { $, $$, icon, make, say } from "../page";
import { upload, type Uploaded } from "../net";
import { complain } from "../toast";
import { letter, mayFormat } from "./letter";
import * as words from "./words";

const PICTURE = /^image\/(png|jpeg|gif|webp)$/;
export const isPicture = (file: File): boolean => PICTURE.test(file.type);

export function attach(given: File[], changed: () => void): void {
  for (const file of given) send(file, (kept) => { letter.files = [...letter.files, kept]; show(changed); changed(); });
}

/** Pictures go among the words where the channel shows them there; everything else is attached. */
export async function insert(given: File[], changed: () => void): Promise<void> {
  if (!mayFormat()) return attach(given, changed);
  attach(given.filter((file) => !isPicture(file)), changed);
  const pictures = given.filter(isPicture);
  if (!pictures.length) return;
  if (!await words.enrich()) return attach(pictures, changed);
  for (const file of pictures) send(file, (kept) => {
    letter.images = [...letter.images.filter((one) => one.cid !== kept.cid), kept];
    void words.enrich().then((editor) => { editor?.picture(kept.cid ?? "", kept.name); changed(); });
  });
}

function send(file: File, done: (kept: Uploaded) => void): void {
  const bar = make("progress", { max: "1", value: "0", "aria-label": say("uploading", { name: file.name }) });
  const stop = make("button", { type: "button", class: "icon-button", "aria-label": say("remove") }, icon("close"));
  const line = make("li", {}, icon("file"), make("span", {}, file.name), bar, stop);
  $("#uploads")?.append(line);
  const { place } = letter, going = upload(file, (part) => { bar.value = part; });
  letter.uploading += 1;
  stop.addEventListener("click", () => going.abort());
  going.done.then((kept) => { if (place === letter.place) done(kept); }, complain)
    .finally(() => { if (place === letter.place) letter.uploading -= 1; line.remove(); });
}

export function show(changed: () => void): void {
  const place = $("#uploads");
  if (!place) return;
  for (const line of $$("li", place)) if (!$("progress", line)) line.remove();
  for (const kept of letter.files) {
    const remove = make("button", { type: "button", class: "icon-button", "aria-label": `${say("remove")}: ${kept.name}` }, icon("close"));
    remove.addEventListener("click", () => { letter.files = letter.files.filter((one) => one !== kept); show(changed); changed(); });
    place.append(make("li", {}, icon("file"), make("span", {}, kept.name), remove));
  }
}
