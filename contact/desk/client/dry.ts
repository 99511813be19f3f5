// A dry run: slice by slice, with what it found so far.

import { $, $$ } from "./page";
import { post, Refused } from "./net";
import type { Vocabulary } from "./steps";

interface Slice { head: number; total: number; done: number; after: number | null; looked: number; met: number; acts: number; slow: number; html: string }
const MOST = 300;
const FEW = 10;
const SLOW = 20;

export function dryRun(form: HTMLElement, words: Vocabulary, body: () => unknown): void {
  const place = $("[data-dry-place]", form), list = $("[data-dry-list]", form), far = $<HTMLProgressElement>("[data-dry-far]", form);
  const sum = $("[data-dry-sum]", form), count = $("[data-dry-count]", form), stop = $("[data-dry-stop]", form);
  if (!place || !list || !far || !sum || !count) return;
  let run = 0;
  stop?.addEventListener("click", () => { run += 1; stop.hidden = true; });
  const tell = (all: { looked: number; met: number; acts: number; slow: number }): void => {
    const told = (sum.dataset["sum"] ?? "").replace(/\{(acts|met|looked)\}/g, (_, name: "acts" | "met" | "looked") => all[name].toLocaleString());
    sum.textContent = all.slow ? `${told} ${(sum.dataset["slow"] ?? "").replace("{n}", all.slow.toLocaleString())}` : told;
  };
  const go = async (): Promise<void> => {
    const mine = ++run, asked = body(), all = { looked: 0, met: 0, acts: 0, slow: 0 };
    let head: number | null = null, after: number | null = 0;
    place.hidden = false;
    if (stop) stop.hidden = false;
    list.replaceChildren();
    far.removeAttribute("value");
    count.textContent = words.words["busy"] ?? "";
    sum.textContent = "";
    place.scrollIntoView({ block: "nearest" });
    try {
      while (after !== null && mine === run) {
        const found: Slice = await post<Slice & Record<string, unknown>>(form.dataset["dry"] ?? "", { rule: asked, id: Number(form.dataset["id"]) || null, head, after });
        if (mine !== run) return;
        head = found.head;
        after = found.after;
        for (const name of ["looked", "met", "acts", "slow"] as const) all[name] += found[name];
        if (list.children.length < MOST) list.insertAdjacentHTML("beforeend", found.html);
        for (const late of $$("li.would", list)) { const rest = $("li.rests", list); if (rest && rest.compareDocumentPosition(late) & Node.DOCUMENT_POSITION_FOLLOWING) rest.before(late); }
        for (const rest of $$("li.rests", list).slice(FEW)) rest.remove();
        if (all.slow >= SLOW) after = null; // a live rule would have been switched off long ago
        far.max = Math.max(1, found.total);
        far.value = found.total ? found.done : 1;
        count.textContent = `${found.done.toLocaleString()} / ${found.total.toLocaleString()}`;
        tell(all);
      }
      if (!$("details[open]", list)) $("li.would details", list)?.setAttribute("open", "");
    } catch (error) {
      sum.textContent = error instanceof Refused ? error.message : words.words["lost"] ?? "";
      sum.classList.add("bad-text");
      count.textContent = "";
      far.value = 0;
      return;
    } finally {
      if (stop && mine === run) stop.hidden = true;
    }
  };
  $("[data-dry-run]", form)?.addEventListener("click", () => { sum.classList.remove("bad-text"); void go(); });
}
