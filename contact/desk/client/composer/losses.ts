// What the chosen way cannot carry: said at once. Words stay in the draft; files must go before anything is sent.

import { $, icon, make, say, settled } from "../page";
import { post, type Uploaded } from "../net";
import { can, input, letter } from "./letter";
import * as words from "./words";

/** Why a file cannot go this way; "" = it can. */
function unfit(file: Uploaded, at: number): string {
  const name = file.name, types = can("types").split(" ").filter(Boolean), kind = file.type.split(";")[0]?.trim().toLowerCase() ?? "";
  if (can("files") !== "1") return say("noFiles", { name });
  if (at >= Number(can("count") || 1e9)) return say("tooManyFiles", { name, n: can("count") });
  if (types.length && !types.some((type) => (type.endsWith("/*") ? kind.startsWith(type.slice(0, -1)) : kind === type))) return say("noSuchFiles", { name });
  if (file.size > Number(can("bytes") || 1e12)) return say("fileTooLarge", { name, size: size(Number(can("bytes"))) });
  return "";
}

const size = (bytes: number): string => (bytes < 1024 * 1024 ? `${Math.floor(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`);

/** Files that keep the letter from being sent this way. */
export const stuck = (): string[] => (letter.mode === "reply" ? letter.files.map(unfit).filter(Boolean) : []);

function stays(): string[] {
  const left: string[] = [];
  const holds = (id: string): boolean => Boolean(input(id)?.value.trim());
  if (can("subject") !== "1" && holds("subject")) left.push(say("lossSubject"));
  if (can("cc") !== "1" && (holds("cc") || holds("bcc"))) left.push(say("lossCopies"));
  if (can("html") !== "1" && words.waitsFormatted()) left.push(say("lossFormat"));
  return left;
}

let copies = "", leftOut: string[] = [];

/** Who will get no copy: asked of the server when CC or BCC is another. */
const ask = settled(() => void askNow(), 300, 900);

async function askNow(): Promise<void> {
  const cc = input("cc")?.value ?? "", bcc = input("bcc")?.value ?? "";
  try { leftOut = cc.trim() || bcc.trim() ? (await post<{ left: string[] }>("/desk/api/copies", { cc, bcc })).left : []; }
  catch { return; /* sending asks again, and the thread says who was left out */ }
  show();
}

function unwanted(): string[] {
  if (can("cc") !== "1" || letter.mode !== "reply") return [];
  const now = `${input("cc")?.value ?? ""}\n${input("bcc")?.value ?? ""}`;
  if (now !== copies) { copies = now; ask(); }
  return now.trim() ? leftOut : [];
}

/** Say what stays behind on this way, and which files cannot go. */
export function show(): void {
  const place = $("#losses"), chosen = can("channel");
  if (!place) return;
  const left = chosen && letter.mode === "reply" ? stays() : [], files = chosen ? stuck() : [];
  const lines = [...unwanted(), ...(left.length ? [say("losses", { channel: chosen, what: left.join(", ") })] : []), ...files];
  const text = lines.join("\n");
  if (place.dataset["said"] === text) return;
  place.dataset["said"] = text;
  place.hidden = !lines.length;
  place.classList.toggle("bad", files.length > 0);
  place.replaceChildren(...(lines.length ? [icon("trouble"), make("span", { class: "grow" }, ...lines.flatMap((line, at) => (at ? [make("br"), line] : [line])))] : []));
}
