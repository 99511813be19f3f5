// What a formatted letter can be. Whatever is pasted becomes this or plain words: there is nothing else to become.
// A line is a `div`, as in mail programs: its next line follows without a gap.

import { Schema, type DOMOutputSpec, type Node } from "prosemirror-model";

const CID = "cid:";

export const schema = new Schema({
  nodes: {
    doc: { content: "block+" },
    line: { content: "inline*", group: "block", parseDOM: [{ tag: "div" }, { tag: "p" }, { tag: "pre" }], toDOM: (): DOMOutputSpec => ["div", 0] },
    quote: { content: "block+", group: "block", defining: true, parseDOM: [{ tag: "blockquote" }], toDOM: (): DOMOutputSpec => ["blockquote", 0] },
    bullets: { content: "item+", group: "block", parseDOM: [{ tag: "ul" }], toDOM: (): DOMOutputSpec => ["ul", 0] },
    numbers: {
      content: "item+", group: "block", attrs: { start: { default: 1 } },
      parseDOM: [{ tag: "ol", getAttrs: (dom) => ({ start: Number(dom.getAttribute("start")) || 1 }) }],
      toDOM: (node): DOMOutputSpec => (node.attrs["start"] === 1 ? ["ol", 0] : ["ol", { start: String(node.attrs["start"]) }, 0]),
    },
    item: { content: "line block*", defining: true, parseDOM: [{ tag: "li" }], toDOM: (): DOMOutputSpec => ["li", 0] },
    text: { group: "inline" },
    picture: {
      inline: true, group: "inline", draggable: true, attrs: { cid: {}, alt: { default: "" } },
      parseDOM: [{
        tag: "img[src]",
        getAttrs: (dom) => {
          const from = dom.getAttribute("src") ?? "";
          return from.startsWith(CID) ? { cid: from.slice(CID.length), alt: dom.getAttribute("alt") ?? "" } : false;
        },
      }],
      toDOM: (node): DOMOutputSpec => ["img", { src: CID + node.attrs["cid"], alt: String(node.attrs["alt"]) }],
    },
    br: { inline: true, group: "inline", selectable: false, parseDOM: [{ tag: "br" }], toDOM: (): DOMOutputSpec => ["br"] },
  },
  marks: {
    link: {
      attrs: { href: {} }, inclusive: false,
      parseDOM: [{ tag: "a[href]", getAttrs: (dom) => (/^(https?:\/\/|mailto:|tel:|\{\{ (unsubscribe|preferences)_url \}\}$)/i.test(dom.getAttribute("href") ?? "") ? { href: dom.getAttribute("href") } : false) }],
      toDOM: (mark): DOMOutputSpec => ["a", { href: String(mark.attrs["href"]) }, 0],
    },
    strong: {
      parseDOM: [{ tag: "strong" }, { tag: "b" }, { tag: "h1" }, { tag: "h2" }, { tag: "h3" }, { style: "font-weight", getAttrs: (value) => /^(bold(er)?|[6-9]\d\d)$/.test(value) && null }],
      toDOM: (): DOMOutputSpec => ["strong", 0],
    },
    em: { parseDOM: [{ tag: "em" }, { tag: "i" }, { style: "font-style=italic" }], toDOM: (): DOMOutputSpec => ["em", 0] },
  },
});

/** Plain words, a line of the field for each line of the letter. */
export const textOf = (doc: Node): string =>
  doc.textBetween(0, doc.content.size, "\n", (leaf) => (leaf.type.name === "br" ? "\n" : leaf.attrs["alt"] ? `[${leaf.attrs["alt"]}]` : ""));

export const docOf = (text: string): Node =>
  schema.node("doc", null, text.split("\n").map((line) => schema.node("line", null, line ? schema.text(line) : undefined)));
