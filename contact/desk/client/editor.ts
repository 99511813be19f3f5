// The editor for formatted letters (ProseMirror). A file of its own, fetched when somebody formats for the first time.

import { baseKeymap, chainCommands, exitCode, lift, toggleMark, wrapIn } from "prosemirror-commands";
import { history, redo, undo } from "prosemirror-history";
import { keymap } from "prosemirror-keymap";
import { DOMParser, DOMSerializer, type Mark, type NodeType } from "prosemirror-model";
import { liftListItem, sinkListItem, splitListItem, wrapInList } from "prosemirror-schema-list";
import { EditorState, Selection, TextSelection, type Command } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import { tidied } from "./editor/paste";
import { docOf, schema, textOf } from "./editor/schema";

export type Deed = "bold" | "italic" | "bullets" | "numbers" | "quote" | "link";
export type State = Partial<Record<Deed, boolean>>;

export interface Editor {
  html(): string;
  text(): string;
  put(html: string): void;
  focus(end: boolean): void;
  run(deed: Deed): void;
  paste(html: string): void;
  picture(cid: string, name: string): void;
  link(): string;
  setLink(href: string): void;
  /** The line before the caret; "" while something is selected. */
  before(): string;
  /** HTML in place of the last `back` characters before the caret. */
  swap(back: number, html: string): void;
  select(piece: string): void;
  destroy(): void;
}

interface Begin {
  /** The plain field it stands behind. */
  place: HTMLElement;
  text: string;
  /** Formatted words; else `text` with its selection is taken over. */
  html: string;
  from: number;
  to: number;
  label: string;
  picture(cid: string): string;
  changed(): void;
  state(state: State): void;
}

const { bullets, numbers, quote, item, picture, br } = schema.nodes;
const { strong, em, link } = schema.marks;

const inside = (state: EditorState, type: NodeType): boolean => {
  const { $from } = state.selection;
  for (let depth = $from.depth; depth > 0; depth -= 1) if ($from.node(depth).type === type) return true;
  return false;
};

const list = (type: NodeType): Command => (state, go) => (inside(state, type) ? liftListItem(item) : wrapInList(type))(state, go);

const DEEDS: Record<Exclude<Deed, "link">, Command> = {
  bold: toggleMark(strong), italic: toggleMark(em), bullets: list(bullets), numbers: list(numbers),
  quote: (state, go) => (inside(state, quote) ? lift : wrapIn(quote))(state, go),
};

const newLine: Command = chainCommands(exitCode, (state, go) => {
  go?.(state.tr.replaceSelectionWith(br.create()).scrollIntoView());
  return true;
});

const keys = {
  "Mod-z": undo, "Mod-y": redo, "Shift-Mod-z": redo, "Shift-Enter": newLine, "Enter": splitListItem(item),
  "Tab": sinkListItem(item), "Shift-Tab": liftListItem(item), "Shift-Mod-8": DEEDS.bullets, "Shift-Mod-7": DEEDS.numbers, "Shift-Mod-9": DEEDS.quote,
};

function marks(state: EditorState): State {
  const { from, to, empty, $from } = state.selection;
  const has = (type: Mark["type"]): boolean => (empty ? type.isInSet(state.storedMarks ?? $from.marks()) !== undefined : state.doc.rangeHasMark(from, to, type));
  return { bold: has(strong), italic: has(em), link: has(link), bullets: inside(state, bullets), numbers: inside(state, numbers), quote: inside(state, quote) };
}

const parsed = (html: string) => {
  const inert = new window.DOMParser().parseFromString(html, "text/html");
  return DOMParser.fromSchema(schema).parse(inert.body);
};

/** A place in the plain field as a place in the document: a line break is one character there, two steps here. */
const place = (text: string, at: number): number => 1 + at + (text.slice(0, at).split("\n").length - 1);

function begun(given: Begin): EditorState {
  const doc = given.html ? parsed(given.html) : docOf(given.text);
  const selection = given.html ? Selection.atEnd(doc) : TextSelection.create(doc, place(given.text, given.from), place(given.text, given.to));
  return EditorState.create({ doc, selection, plugins: [history(), keymap(keys), keymap(baseKeymap)] });
}

export function edit(given: Begin): Editor {
  const host = document.createElement("div");
  host.className = "rich-words";
  given.place.after(host);
  const view: EditorView = new EditorView(host, {
    state: begun(given),
    attributes: { role: "textbox", "aria-multiline": "true", "aria-label": given.label },
    transformPastedHTML: tidied,
    nodeViews: {
      picture: (node) => {
        const dom = document.createElement("img");
        dom.src = given.picture(String(node.attrs["cid"]));
        dom.alt = String(node.attrs["alt"]);
        return { dom };
      },
    },
    dispatchTransaction: (change) => {
      view.updateState(view.state.apply(change));
      given.state(marks(view.state));
      if (change.docChanged && !change.getMeta("put")) given.changed();
    },
  });
  given.state(marks(view.state));
  return {
    html: () => htmlOf(view),
    text: () => textOf(view.state.doc),
    put: (html) => { if (html !== htmlOf(view)) view.dispatch(view.state.tr.replaceWith(0, view.state.doc.content.size, parsed(html).content).setMeta("put", true)); },
    focus: (end) => { if (end) view.dispatch(view.state.tr.setSelection(Selection.atEnd(view.state.doc))); view.focus(); },
    run: (deed) => { if (deed !== "link") DEEDS[deed](view.state, view.dispatch); view.focus(); },
    paste: (html) => { view.pasteHTML(html); view.focus(); },
    picture: (cid, alt) => insertPicture(view, cid, alt),
    link: () => String(linkAt(view.state)?.mark.attrs["href"] ?? ""),
    setLink: (href) => setLink(view, href),
    before: () => { const { $from, empty } = view.state.selection; return empty ? $from.parent.textBetween(0, $from.parentOffset, "\n", "\n") : ""; },
    swap: (back, html) => { const { from } = view.state.selection; view.dispatch(view.state.tr.delete(from - back, from)); view.pasteHTML(html); view.focus(); },
    select: (piece) => selectPiece(view, piece),
    destroy: () => { view.destroy(); host.remove(); },
  };
}

function selectPiece(view: EditorView, piece: string): void {
  let found = -1;
  view.state.doc.descendants((node, at) => {
    const inside = node.text?.indexOf(piece) ?? -1;
    if (found < 0 && inside >= 0) found = at + inside;
    return found < 0;
  });
  if (found < 0) return;
  view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, found, found + piece.length)).scrollIntoView());
  view.focus();
}

/** Behind what is selected, never in its place: the file took a while to come, and the words are not gone. */
function insertPicture(view: EditorView, cid: string, alt: string): void {
  const { to } = view.state.selection, change = view.state.tr.insert(to, picture.create({ cid, alt }));
  view.dispatch(change.setSelection(Selection.near(change.doc.resolve(change.mapping.map(to)))).scrollIntoView());
  view.focus();
}

/** As it is sent: an empty line is a `br`, an item's first line needs no box of its own. */
function htmlOf(view: EditorView): string {
  const box = document.implementation.createHTMLDocument("").createElement("div");
  box.append(DOMSerializer.fromSchema(schema).serializeFragment(view.state.doc.content, { document: box.ownerDocument }));
  for (const line of box.querySelectorAll("div")) if (!line.childNodes.length) line.append(box.ownerDocument.createElement("br"));
  for (const first of box.querySelectorAll("li > div:first-child")) first.replaceWith(...first.childNodes);
  return view.state.doc.textContent || box.querySelector("img") ? box.innerHTML : "";
}

function linkAt(state: EditorState): { mark: Mark; from: number; to: number } | null {
  const { $from, from, to, empty } = state.selection;
  let found: { mark: Mark; from: number; to: number } | null = null;
  const parent = $from.parent, start = $from.start();
  parent.forEach((node, offset) => {
    const mark = link.isInSet(node.marks), begin = start + offset, end = begin + node.nodeSize;
    if (mark && (empty ? begin <= from && from <= end : begin < to && end > from)) found ??= { mark, from: begin, to: end };
  });
  return found;
}

function setLink(view: EditorView, href: string): void {
  const { state } = view, at = linkAt(state), change = state.tr;
  let { from, to } = state.selection;
  if (from === to && at) ({ from, to } = at);
  if (href && from === to) change.insertText(href.replace(/^(mailto|tel):/, ""), from), to = change.mapping.map(to);
  change.removeMark(from, to, link);
  if (href) change.addMark(from, to, link.create({ href }));
  view.dispatch(change.removeStoredMark(link));
  view.focus();
}
