// What a formatted letter can be. Whatever is pasted becomes this or plain words: there is nothing else to become.
// A line is a `div`, as in mail programs: its next line follows without a gap. A mailing can be more: headings, a
// button, a rule, small print, pictures with a size.

import { Schema, type DOMOutputSpec, type MarkSpec, type Node, type NodeSpec } from "prosemirror-model";

const CID = "cid:";
const LINK = /^(https?:\/\/|mailto:|tel:|\{\{ ?(unsubscribe|preferences)_url ?\}\}$)/i;
export const COLOUR = "#0b57d0";
const SMALL = "font-size:13px;line-height:1.6;color:#57606a";

const size = (dom: HTMLElement, name: string): number | null => Number(dom.getAttribute(name)) || null;

const nodes = {
  doc: { content: "block+" },
  line: { content: "inline*", group: "block", parseDOM: [{ tag: "div" }, { tag: "p" }, { tag: "pre" }], toDOM: (): DOMOutputSpec => ["div", 0] },
  quote: { content: "block+", group: "block", defining: true, parseDOM: [{ tag: "blockquote" }], toDOM: (): DOMOutputSpec => ["blockquote", 0] },
  bullets: { content: "item+", group: "block", parseDOM: [{ tag: "ul" }], toDOM: (): DOMOutputSpec => ["ul", 0] },
  numbers: {
    content: "item+", group: "block", attrs: { start: { default: 1 } },
    parseDOM: [{ tag: "ol", getAttrs: (dom: HTMLElement) => ({ start: Number(dom.getAttribute("start")) || 1 }) }],
    toDOM: (node: Node): DOMOutputSpec => (node.attrs["start"] === 1 ? ["ol", 0] : ["ol", { start: String(node.attrs["start"]) }, 0]),
  },
  item: { content: "line block*", defining: true, parseDOM: [{ tag: "li" }], toDOM: (): DOMOutputSpec => ["li", 0] },
  text: { group: "inline" },
  picture: {
    inline: true, group: "inline", draggable: true, attrs: { cid: {}, alt: { default: "" }, width: { default: null }, height: { default: null } },
    parseDOM: [{
      tag: "img[src]",
      getAttrs: (dom: HTMLElement) => {
        const from = dom.getAttribute("src") ?? "";
        return from.startsWith(CID) ? { cid: from.slice(CID.length), alt: dom.getAttribute("alt") ?? "", width: size(dom, "width"), height: size(dom, "height") } : false;
      },
    }],
    toDOM: (node: Node): DOMOutputSpec => {
      const { cid, alt, width, height } = node.attrs;
      return ["img", { src: CID + cid, alt: String(alt), ...(width ? { width: String(width) } : {}), ...(height ? { height: String(height) } : {}) }];
    },
  },
  br: { inline: true, group: "inline", selectable: false, parseDOM: [{ tag: "br" }], toDOM: (): DOMOutputSpec => ["br"] },
} satisfies Record<string, NodeSpec>;

const marks = {
  link: {
    attrs: { href: {} }, inclusive: false,
    parseDOM: [{ tag: "a[href]", getAttrs: (dom: HTMLElement) => (LINK.test(dom.getAttribute("href") ?? "") ? { href: dom.getAttribute("href") } : false) }],
    toDOM: (mark): DOMOutputSpec => ["a", { href: String(mark.attrs["href"]) }, 0],
  },
  strong: {
    parseDOM: [{ tag: "strong" }, { tag: "b" }, { tag: "h1" }, { tag: "h2" }, { tag: "h3" }, { style: "font-weight", getAttrs: (value: string) => /^(bold(er)?|[6-9]\d\d)$/.test(value) && null }],
    toDOM: (): DOMOutputSpec => ["strong", 0],
  },
  em: { parseDOM: [{ tag: "em" }, { tag: "i" }, { style: "font-style=italic" }], toDOM: (): DOMOutputSpec => ["em", 0] },
} satisfies Record<string, MarkSpec>;

export const schema = new Schema({ nodes, marks });

/** The one link of a table that is nothing else: a button, as it survives Outlook. */
const buttonOf = (dom: HTMLElement): HTMLAnchorElement | null => {
  const cells = dom.querySelectorAll("td"), links = dom.querySelectorAll<HTMLAnchorElement>("a[href]"), link = links[0];
  return cells.length === 1 && links.length === 1 && link && cells[0]?.hasAttribute("bgcolor") && dom.textContent?.trim() === link.textContent?.trim() ? link : null;
};

export const mailing = new Schema({
  nodes: {
    ...nodes,
    heading: {
      content: "inline*", group: "block", defining: true, attrs: { level: { default: 1 } },
      parseDOM: [{ tag: "h1", attrs: { level: 1 } }, { tag: "h2", attrs: { level: 2 } }, { tag: "h3", attrs: { level: 2 } }],
      toDOM: (node: Node): DOMOutputSpec => [`h${node.attrs["level"]}`, 0],
    },
    rule: { group: "block", parseDOM: [{ tag: "hr" }], toDOM: (): DOMOutputSpec => ["hr"] },
    small: {
      content: "line+", group: "block", defining: true,
      parseDOM: [{ tag: "div[style]", priority: 60, getAttrs: (dom: HTMLElement) => (/font-size:\s*13px/.test(dom.getAttribute("style") ?? "") ? null : false) }],
      toDOM: (): DOMOutputSpec => ["div", { style: SMALL }, 0],
    },
    button: {
      group: "block", atom: true, draggable: true, attrs: { label: {}, href: { default: "" }, colour: { default: COLOUR } },
      parseDOM: [{
        tag: "table",
        getAttrs: (dom: HTMLElement) => { const link = buttonOf(dom); return link ? { label: link.textContent?.trim(), href: link.getAttribute("href"), colour: dom.querySelector("td")?.getAttribute("bgcolor") ?? COLOUR } : false; },
      }],
      toDOM: (node: Node): DOMOutputSpec => {
        const { href, colour, label } = node.attrs;
        const style = "display:inline-block;padding:12px 28px;font-size:16px;font-weight:700;color:#ffffff;text-decoration:none;border-radius:6px";
        return ["table", { align: "center", style: "margin:16px auto" }, ["tbody", ["tr", ["td", { bgcolor: colour, style: `border-radius:6px;background-color:${colour}` }, ["a", { ...(href ? { href } : {}), style }, label]]]]];
      },
    },
  },
  marks: { ...marks, strong: { ...marks.strong, parseDOM: marks.strong.parseDOM.filter((rule) => !/^h\d$/.test("tag" in rule ? rule.tag ?? "" : "")) } },
});

/** Plain words, a line of the field for each line of the letter. */
export const textOf = (doc: Node): string =>
  doc.textBetween(0, doc.content.size, "\n", (leaf) => (leaf.type.name === "br" ? "\n" : leaf.attrs["alt"] ? `[${leaf.attrs["alt"]}]` : ""));

export const docOf = (text: string): Node =>
  schema.node("doc", null, text.split("\n").map((line) => schema.node("line", null, line ? schema.text(line) : undefined)));
