/** Put the widget on the page. */

import { App } from "./app";
import { Panel } from "./panel";
import { dress, paint } from "./style";
import type { Lang, Words } from "./words";

declare global {
  interface Window {
    hanmaru?: { open: () => void; close: () => void };
  }
}

/** `data-inbox`, `data-base` and `data-color` stand on the tag that the loader made. */
export function start(lang: Lang, words: Words): void {
  const { inbox, base, color } = (document.currentScript as HTMLScriptElement).dataset as Record<string, string>;
  if (!inbox || !base || window.hanmaru) return;
  const host = document.createElement("hanmaru-chat");
  const root = host.attachShadow({ mode: "open" });
  dress(root);
  let drawing = 0;
  // many changes, one drawing
  const show = (): void => {
    drawing ||= window.setTimeout(() => {
      drawing = 0;
      dye();
      panel.show();
    });
  };
  const app = new App({ base, inbox, lang, words }, show);
  const panel = new Panel(app);
  // the page's own word, else what the inbox says: remembered, so that the next page has it at once
  const dye = (): void => paint(panel.root, color ?? app.keep.get("color") ?? "");
  dye();
  root.append(panel.root);
  // beside the body: a transform or filter on the body would move what is fixed in it
  document.documentElement.append(host);
  window.hanmaru = { open: () => panel.toggle(true), close: () => panel.toggle(false) };
  panel.restore();
}
