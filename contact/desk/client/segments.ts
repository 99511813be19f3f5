// The editor of a segment: who that is now, counted and sampled while conditions are put together.

import { $ } from "./page";
import { post, Refused } from "./net";
import type { Vocabulary } from "./steps";

const REST = 500; // milliseconds without a change before the server is asked

export function livePreview(form: HTMLElement, words: Vocabulary, body: () => { if: unknown }): void {
  const count = $("[data-count]", form), list = $("[data-sample]", form), wrong = $("[data-wrong]", form);
  const channel = $<HTMLSelectElement>("[data-channel]", form);
  if (!count || !list || !wrong || !channel) return;
  let turn = 0, timer = 0, last = "";
  const ask = async (): Promise<void> => {
    const said = { if: body().if, channel: channel.value }, now = JSON.stringify(said);
    if (now === last) return;
    last = now;
    const mine = ++turn;
    count.textContent = words.words["busy"] ?? "";
    try {
      const found = await post<{ count: number; html: string } & Record<string, unknown>>(form.dataset["preview"] ?? "", said);
      if (mine !== turn) return;
      count.textContent = found.count.toLocaleString();
      list.innerHTML = found.html;
      wrong.hidden = true;
    } catch (error) {
      if (mine !== turn) return;
      count.textContent = "–";
      list.replaceChildren();
      wrong.textContent = error instanceof Refused ? error.message : words.words["lost"] ?? "";
      wrong.hidden = false;
    }
  };
  const soon = (): void => { clearTimeout(timer); timer = window.setTimeout(() => void ask(), REST); };
  for (const kind of ["input", "change", "click"]) form.addEventListener(kind, soon);
  void ask();
}
