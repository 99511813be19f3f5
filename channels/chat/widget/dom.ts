/** Small helpers to build elements. Text goes in as text nodes only, never as markup. */

type Child = Node | string | null | undefined | false;
type Props = Record<string, unknown>;

/** `h("button.send", {type: "submit", onclick}, "Send")`; dashes and `role` become attributes. */
export function h<K extends keyof HTMLElementTagNameMap>(
  spec: K | `${K}.${string}`,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const [tag, ...classes] = spec.split(".");
  const element = document.createElement(tag as K);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name in element && !name.includes("-")) (element as unknown as Props)[name] = value;
    else element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child): child is Node | string => !!child || child === ""));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A 24-unit line icon from path data. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const ICONS = {
  chat: "M20 11.5a8 7.5 0 0 1-8 7.5 9 9 0 0 1-3.4-.7L4 20l1.3-3.6A7 7 0 0 1 4 11.5 8 7.5 0 0 1 12 4a8 7.5 0 0 1 8 7.5ZM8.5 11.5h.01M12 11.5h.01M15.5 11.5h.01",
  close: "M6 6l12 12M18 6 6 18",
  down: "M6 9l6 6 6-6",
  more: "M5 12a1 1 0 1 0 .01 0M12 12a1 1 0 1 0 .01 0M19 12a1 1 0 1 0 .01 0",
  send: "M12 19V5M6 11l6-6 6 6",
  clip: "M20 11.5l-8.2 8.2a5 5 0 0 1-7-7l8.4-8.5a3.4 3.4 0 0 1 4.8 4.8l-8.4 8.4a1.7 1.7 0 0 1-2.4-2.4l7.6-7.6",
  camera: "M4 8h3l1.6-2.5h6.8L17 8h3a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1ZM12 16.5a3.3 3.3 0 1 0 0-6.6 3.3 3.3 0 0 0 0 6.6",
  file: "M14 3H7a1 1 0 0 0-1 1v16a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V7ZM14 3v4h4",
  star: "M12 4l2.5 5.1 5.6.8-4 4 .9 5.6-5-2.7-5 2.7.9-5.6-4-4 5.6-.8Z",
  check: "M5 12.5l4.5 4.5L19 7.5",
};

export function iconButton(shape: keyof typeof ICONS, label: string, onclick: () => void, kind = "icon"): HTMLButtonElement {
  return h(`button.${kind}`, { type: "button", "aria-label": label, title: label, onclick }, icon(ICONS[shape]));
}

const LINK = /\bhttps?:\/\/[^\s<>"'`\u1100-\u11ff\u3000-\u303f\u3130-\u318f\uac00-\ud7af\uff00-\uffef]+/gi;

/** Plain text with its web addresses made clickable. Korean particles stick to addresses: they end one. */
export function linked(text: string, hint: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let done = 0;
  for (const found of text.matchAll(LINK)) {
    const address = trimmed(found[0]);
    const link = safe(address);
    if (!link) continue;
    parts.push(text.slice(done, found.index));
    parts.push(h("a", { href: link, target: "_blank", rel: "noopener noreferrer nofollow ugc", title: hint }, address));
    done = found.index + address.length;
  }
  parts.push(text.slice(done));
  return parts;
}

/** Without the full stop or closing bracket of the sentence around it. */
function trimmed(address: string): string {
  let end = address.replace(/[.,;:!?…]+$/, "");
  while (/[)\]}]$/.test(end) && !/[([{]/.test(end.slice(8))) end = end.slice(0, -1);
  return end.replace(/[.,;:!?…]+$/, "");
}

function safe(address: string): string | null {
  try {
    const url = new URL(address);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

export interface Row {
  key: string;
  make: () => HTMLElement;
  update?: (element: HTMLElement) => void;
}

/** Make the children of `parent` equal `rows`, keeping elements that stay: focus and selection survive. */
export function reconcile(parent: HTMLElement, rows: Row[], known: Map<string, HTMLElement>): void {
  const wanted = new Set(rows.map((row) => row.key));
  for (const [key, element] of known) {
    if (wanted.has(key)) continue;
    element.remove();
    known.delete(key);
  }
  let place = parent.firstElementChild;
  for (const row of rows) {
    let element = known.get(row.key);
    if (!element) known.set(row.key, (element = row.make()));
    row.update?.(element);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
}
