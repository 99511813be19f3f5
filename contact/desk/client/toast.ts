// Short words at the lower edge; one with a button may count down.

import { $, make, say } from "./page";
import { Refused } from "./net";

interface Choice { name: string; run: () => void }

export function toast(text: string, options: { choice?: Choice; seconds?: number; bad?: boolean; count?: (left: number) => string } = {}): () => void {
  const box = make("div", { class: options.bad ? "toast bad" : "toast" });
  const words = make("span", {}, text);
  box.append(words);
  const close = () => { clearInterval(timer); box.remove(); };
  if (options.choice) {
    const button = make("button", { type: "button", class: "link" }, options.choice.name);
    button.addEventListener("click", () => { close(); options.choice?.run(); });
    box.append(button);
  }
  const end = performance.now() + (options.seconds ?? 4) * 1000;
  const tick = () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left <= 0) return close();
    if (options.count) words.textContent = options.count(left);
  };
  const timer = window.setInterval(tick, 250);
  tick();
  $("#toasts")?.append(box);
  return close;
}

/** Tell what went wrong, in the server's own sentence. */
export function complain(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (error instanceof Refused && error.code === "aborted") return;
  const why = error instanceof Error ? error.message : String(error);
  toast(error instanceof Refused ? why : say("failed", { why }), { bad: true, seconds: 7 });
  if (!(error instanceof Refused)) console.error(error);
}
