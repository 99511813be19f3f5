// Bring a part of the page up to date without taking away what a person holds in the hand:
// focus, half-typed syllables, open menus and dialogs, folded-out quotes, frames.

import { Idiomorph } from "idiomorph";

const held = (node: Node): boolean =>
  node instanceof Element &&
  (node.matches("dialog[open], .pick, iframe") || isOpen(node) ||
    (node === document.activeElement && node.matches("input, textarea, select")));

const isOpen = (node: Element): boolean => node.hasAttribute("popover") && node.matches(":popover-open");

const callbacks = {
  beforeNodeMorphed: (old: Node): boolean => !held(old),
  beforeNodeRemoved: (node: Node): boolean => !(node instanceof Element && (isOpen(node) || node.matches("dialog[open]"))),
  beforeAttributeUpdated: (name: string, node: Element): boolean =>
    !(name === "open" && node.matches("details, dialog")) && name !== "data-kept",
};

/** Make the inside of `target` look like `html`. */
export function morph(target: Element, html: string): void {
  Idiomorph.morph(target, html, { morphStyle: "innerHTML", ignoreActiveValue: true, callbacks });
}

/** Make `target` itself look like `fresh`. */
export function morphInto(target: Element, fresh: Element): void {
  Idiomorph.morph(target, fresh, { morphStyle: "outerHTML", ignoreActiveValue: true, callbacks });
}

export function parse(html: string): DocumentFragment {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}
