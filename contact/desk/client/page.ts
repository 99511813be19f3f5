// What the server told this page, and the smallest helpers.

interface Setup {
  me: { id: number; name: string; handle: string; role: string };
  prefs: { shortcuts: boolean; sound: boolean; enterSends: boolean; theme: string };
  language: string;
  zone: string;
  organisation: string;
  words: Record<string, string>;
  aliases: Record<string, string>;
}

export const setup: Setup = JSON.parse(document.getElementById("setup")?.textContent ?? "{}");

/** A sentence of the catalogue; `{name}` is filled from `facts`. */
export function say(name: string, facts: Record<string, string | number> = {}): string {
  return (setup.words[name] ?? name).replace(/\{(\w+)\}/g, (_, key: string) => String(facts[key] ?? ""));
}

export const $ = <T extends HTMLElement = HTMLElement>(selector: string, root: ParentNode = document): T | null =>
  root.querySelector<T>(selector);

export const $$ = <T extends HTMLElement = HTMLElement>(selector: string, root: ParentNode = document): T[] =>
  [...root.querySelectorAll<T>(selector)];

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Record<string, string> = {}, ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The sprite's icon, cloned from one that is on the page. */
export function icon(name: string, small = true): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", small ? "icon s" : "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  const sprite = document.querySelector("svg.icon use")?.getAttribute("href")?.split("#")[0] ?? "";
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

/** One or two letters for an avatar, as the server makes them. */
export function initials(name: string): string {
  if (name.includes("#")) return name.split("#").at(-1)?.slice(0, 2).toUpperCase() || "?";
  const words = name.replace(/[^\p{L}\p{N}\s]/gu, " ").trim().split(/\s+/);
  const first = words[0] ?? "";
  if (!first) return "?";
  if (/^[가-힣]/.test(first)) return first.length === 3 || first.length === 4 ? first.slice(-2) : first.slice(0, 2);
  return (first.charAt(0) + (words.length > 1 ? (words.at(-1) ?? "").charAt(0) : "")).toUpperCase();
}

export function avatar(name: string, id: number, extra = "s"): HTMLElement {
  return make("span", { class: `avatar hue-${id % 8} ${extra}`, title: name, "aria-hidden": "true" }, initials(name));
}

/** Run `work` once things have been quiet for `wait` ms, at the latest after `most` ms. */
export function settled(work: () => void, wait: number, most = wait): () => void {
  let timer = 0, since = 0;
  return () => {
    const now = performance.now();
    if (!timer) since = now;
    clearTimeout(timer);
    timer = window.setTimeout(() => { timer = 0; work(); }, Math.max(0, Math.min(wait, since + most - now)));
  };
}
