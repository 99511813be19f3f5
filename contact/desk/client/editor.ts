// The editor for formatted letters (ProseMirror). A file of its own, fetched when somebody formats for the first time.

import { baseKeymap, chainCommands, exitCode, lift, setBlockType, toggleMark, wrapIn } from "prosemirror-commands";
import { history, redo, undo } from "prosemirror-history";
import { keymap } from "prosemirror-keymap";
import { DOMParser, DOMSerializer, type Mark, type MarkType, type Node, type NodeType, type Schema } from "prosemirror-model";
import { liftListItem, sinkListItem, splitListItem, wrapInList } from "prosemirror-schema-list";
import { EditorState, NodeSelection, Selection, TextSelection, type Command } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import { tidied } from "./editor/paste";
import { docOf, mailing, schema, textOf } from "./editor/schema";

export type Deed = "bold" | "italic" | "bullets" | "numbers" | "quote" | "link" | "heading" | "subheading" | "rule" | "button";
export type State = Partial<Record<Deed, boolean>>;

export interface Editor {
  html(): string;
  text(): string;
  put(html: string): void;
  focus(end: boolean): void;
  run(deed: Deed): void;
  paste(html: string): void;
  picture(cid: string, name: string, width?: number, height?: number): void;
  /** Of the chosen picture: what it shows, and how wide it stands there. */
  chosen(): { alt: string; width: number; height: number } | null;
  dress(alt: string, width: number): void;
  /** The chosen button. */
  button(): { label: string; href: string } | null;
  setButton(label: string, href: string): void;
  /** Behind everything; instead of what begins at the last rule, where that has these words. */
  end(html: string, instead: string): void;
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
  /** A mailing: headings, buttons, rules and small print, too. */
  mailing?: boolean;
  /** Pictures that are pasted or dropped. */
  files?(files: File[]): void;
  /** What stands on a new button. */
  button?: string;
  changed(): void;
  state(state: State): void;
}

const inside = (state: EditorState, type: NodeType): boolean => {
  const { $from } = state.selection;
  for (let depth = $from.depth; depth > 0; depth -= 1) if ($from.node(depth).type === type) return true;
  return false;
};

const node = (of: Schema, name: string): NodeType => of.nodes[name] as NodeType;
const mark = (of: Schema, name: string): MarkType => of.marks[name] as MarkType;

const list = (name: string): Command => (state, go) =>
  (inside(state, node(state.schema, name)) ? liftListItem(node(state.schema, "item")) : wrapInList(node(state.schema, name)))(state, go);

const heading = (level: number): Command => (state, go) => {
  const { parent } = state.selection.$from, type = node(state.schema, "heading");
  return parent.type === type && parent.attrs["level"] === level ? setBlockType(node(state.schema, "line"))(state, go) : setBlockType(type, { level })(state, go);
};

/** A block of its own behind the line one stands in; what is selected becomes its words. */
const block = (name: string, words: string): Command => (state, go) => {
  const { $from, from, to } = state.selection, type = node(state.schema, name), taken = !(state.selection instanceof NodeSelection) && name === "button";
  const label = (taken && state.doc.textBetween(from, to, " ")) || words, made = type.create(name === "button" ? { label } : null);
  const after = $from.depth ? $from.after(1) : from, change = state.tr;
  if ($from.depth === 1 && !$from.parent.content.size) change.replaceWith($from.before(1), after, [made, node(state.schema, "line").create()]);
  else {
    if (taken && from !== to && $from.sameParent(state.selection.$to)) change.delete(from, to);
    const at = change.mapping.map(after);
    change.insert(at, at >= change.doc.content.size ? [made, node(state.schema, "line").create()] : [made]);
  }
  const at = change.mapping.map($from.depth === 1 && !$from.parent.content.size ? $from.before(1) : after, -1);
  go?.(change.setSelection(name === "button" ? NodeSelection.create(change.doc, at) : Selection.near(change.doc.resolve(at + 1))).scrollIntoView());
  return true;
};

const DEEDS: Record<Exclude<Deed, "link" | "button">, Command> = {
  bold: (state, go) => toggleMark(mark(state.schema, "strong"))(state, go), italic: (state, go) => toggleMark(mark(state.schema, "em"))(state, go),
  bullets: list("bullets"), numbers: list("numbers"),
  quote: (state, go) => { const type = node(state.schema, "quote"); return (inside(state, type) ? lift : wrapIn(type))(state, go); },
  heading: heading(1), subheading: heading(2), rule: block("rule", ""),
};

const newLine: Command = chainCommands(exitCode, (state, go) => {
  go?.(state.tr.replaceSelectionWith(node(state.schema, "br").create()).scrollIntoView());
  return true;
});

/** Behind a heading one goes on with ordinary words. */
const goOn: Command = (state, go) => {
  const { $from, empty } = state.selection;
  if (!empty || $from.parent.type.name !== "heading" || $from.parentOffset !== $from.parent.content.size) return false;
  const at = $from.after(), change = state.tr.insert(at, node(state.schema, "line").create());
  go?.(change.setSelection(TextSelection.create(change.doc, at + 1)).scrollIntoView());
  return true;
};

const item = (run: (type: NodeType) => Command): Command => (state, go) => run(node(state.schema, "item"))(state, go);

const keys = {
  "Mod-z": undo, "Mod-y": redo, "Shift-Mod-z": redo, "Shift-Enter": newLine, "Enter": chainCommands(goOn, item(splitListItem)), "Mod-b": DEEDS.bold, "Mod-i": DEEDS.italic,
  "Tab": item(sinkListItem), "Shift-Tab": item(liftListItem), "Shift-Mod-8": DEEDS.bullets, "Shift-Mod-7": DEEDS.numbers, "Shift-Mod-9": DEEDS.quote,
};

function marks(state: EditorState): State {
  const { from, to, empty, $from } = state.selection, of = state.schema;
  const has = (name: string): boolean => { const type = mark(of, name); return empty ? type.isInSet(state.storedMarks ?? $from.marks()) !== undefined : state.doc.rangeHasMark(from, to, type); };
  const is = (name: string): boolean => name in of.nodes && inside(state, node(of, name)), level = $from.parent.attrs["level"] as number | undefined;
  return {
    bold: has("strong"), italic: has("em"), link: has("link"), bullets: is("bullets"), numbers: is("numbers"), quote: is("quote"),
    heading: level === 1, subheading: level === 2, button: buttonAt(state) !== null,
  };
}

const parsed = (html: string, of: Schema) => {
  const inert = new window.DOMParser().parseFromString(html, "text/html");
  return DOMParser.fromSchema(of).parse(inert.body);
};

const schemaOf = (given: Begin): Schema => (given.mailing ? mailing : schema);

/** A place in the plain field as a place in the document: a line break is one character there, two steps here. */
const place = (text: string, at: number): number => 1 + at + (text.slice(0, at).split("\n").length - 1);

function begun(given: Begin): EditorState {
  const doc = given.html ? parsed(given.html, schemaOf(given)) : docOf(given.text);
  const selection = given.html ? Selection.atEnd(doc) : TextSelection.create(doc, place(given.text, given.from), place(given.text, given.to));
  return EditorState.create({ doc, selection, plugins: [history(), keymap(keys), keymap(baseKeymap)] });
}

function end(view: EditorView, html: string, instead: string): void {
  const { doc, schema, tr } = view.state, size = doc.content.size;
  let rule = size;
  doc.forEach((node, at) => { if (node.type === schema.nodes["rule"]) rule = at; });
  const from = doc.textBetween(rule, size, " ").includes(instead) ? rule : size;
  view.dispatch(tr.replaceWith(from, size, parsed(html, schema).content).scrollIntoView());
}

export function edit(given: Begin): Editor {
  const host = document.createElement("div");
  host.className = "rich-words";
  given.place.after(host);
  const view: EditorView = new EditorView(host, {
    state: begun(given),
    attributes: { role: "textbox", "aria-multiline": "true", "aria-label": given.label },
    transformPastedHTML: tidied,
    handlePaste: (_view, event) => brought(given, event, event.clipboardData, !event.clipboardData?.getData("text/html")),
    handleDrop: (_view, event) => brought(given, event, (event as DragEvent).dataTransfer, true),
    nodeViews: {
      picture: (node) => {
        const dom = document.createElement("img");
        dom.src = given.picture(String(node.attrs["cid"]));
        dom.alt = String(node.attrs["alt"]);
        if (node.attrs["width"]) dom.width = Number(node.attrs["width"]);
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
    put: (html) => { if (html !== htmlOf(view)) view.dispatch(view.state.tr.replaceWith(0, view.state.doc.content.size, parsed(html, view.state.schema).content).setMeta("put", true)); },
    focus: (end) => { if (end) view.dispatch(view.state.tr.setSelection(Selection.atEnd(view.state.doc))); view.focus(); },
    run: (deed) => {
      if (deed === "button") block("button", given.button ?? "")(view.state, view.dispatch);
      else if (deed !== "link") DEEDS[deed](view.state, view.dispatch);
      view.focus();
    },
    paste: (html) => { view.pasteHTML(html); view.focus(); },
    picture: (cid, alt, width, height) => insertPicture(view, { cid, alt, width: width ?? null, height: height ?? null }),
    chosen: () => { const one = pictureAt(view.state); return one ? { alt: String(one.attrs["alt"]), width: Number(one.attrs["width"]), height: Number(one.attrs["height"]) } : null; },
    dress: (alt, width) => dress(view, alt, width),
    end: (html, instead) => end(view, html, instead),
    button: () => { const one = buttonAt(view.state); return one ? { label: String(one.attrs["label"]), href: String(one.attrs["href"]) } : null; },
    setButton: (label, href) => {
      const one = buttonAt(view.state), { from } = view.state.selection;
      if (!one) return;
      const change = view.state.tr.setNodeMarkup(from, null, { ...one.attrs, label, href });
      view.dispatch(change.setSelection(NodeSelection.create(change.doc, from)));
    },
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

/** Pictures among what is pasted or dropped are taken; Word brings a picture of the words beside the words. */
function brought(given: Begin, event: Event, from: DataTransfer | null, alone: boolean): boolean {
  const files = [...(from?.files ?? [])].filter((file) => file.type.startsWith("image/"));
  if (!given.files || !files.length || !alone) return false;
  event.preventDefault();
  given.files(files);
  return true;
}

/** Behind what is selected, never in its place: the file took a while to come, and the words are not gone. */
function insertPicture(view: EditorView, attrs: { cid: string; alt: string; width: number | null; height: number | null }): void {
  const { $to, to } = view.state.selection, picture = node(view.state.schema, "picture").create(attrs);
  const inline = $to.parent.inlineContent, at = inline || !$to.depth ? to : $to.after(1);
  const change = view.state.tr.insert(at, inline ? picture : node(view.state.schema, "line").create(null, picture));
  const after = change.mapping.map(at);
  view.dispatch((attrs.width ? change.setSelection(NodeSelection.create(change.doc, inline ? at : at + 1)) : change.setSelection(Selection.near(change.doc.resolve(after)))).scrollIntoView());
  view.focus();
}

const pictureAt = (state: EditorState): Node | null => (state.selection instanceof NodeSelection && state.selection.node.type.name === "picture" ? state.selection.node : null);

/** The height follows the width. */
function dress(view: EditorView, alt: string, width: number): void {
  const one = pictureAt(view.state), { from } = view.state.selection;
  if (!one) return;
  const was = Number(one.attrs["width"]) || width, height = Math.round((Number(one.attrs["height"]) || 0) * (width / (was || 1))) || null;
  const change = view.state.tr.setNodeMarkup(from, null, { ...one.attrs, alt, width: width || null, height });
  view.dispatch(change.setSelection(NodeSelection.create(change.doc, from)));
}

const buttonAt = (state: EditorState): Node | null => (state.selection instanceof NodeSelection && state.selection.node.type.name === "button" ? state.selection.node : null);

/** As it is sent: an empty line is a `br`, an item's first line needs no box of its own. */
function htmlOf(view: EditorView): string {
  const box = document.implementation.createHTMLDocument("").createElement("div");
  box.append(DOMSerializer.fromSchema(view.state.schema).serializeFragment(view.state.doc.content, { document: box.ownerDocument }));
  for (const line of box.querySelectorAll("div")) if (!line.childNodes.length) line.append(box.ownerDocument.createElement("br"));
  for (const first of box.querySelectorAll("li > div:first-child")) first.replaceWith(...first.childNodes);
  return view.state.doc.textContent || box.querySelector("img") ? box.innerHTML : "";
}

function linkAt(state: EditorState): { mark: Mark; from: number; to: number } | null {
  const { $from, from, to, empty } = state.selection;
  let found: { mark: Mark; from: number; to: number } | null = null;
  const parent = $from.parent, start = $from.start(), link = mark(state.schema, "link");
  parent.forEach((node, offset) => {
    const set = link.isInSet(node.marks), begin = start + offset, end = begin + node.nodeSize;
    if (set && (empty ? begin <= from && from <= end : begin < to && end > from)) found ??= { mark: set, from: begin, to: end };
  });
  return found;
}

function setLink(view: EditorView, href: string): void {
  const { state } = view, at = linkAt(state), change = state.tr, link = mark(state.schema, "link");
  let { from, to } = state.selection;
  if (from === to && at) ({ from, to } = at);
  if (href && from === to) change.insertText(href.replace(/^(mailto|tel):/, ""), from), to = change.mapping.map(to);
  change.removeMark(from, to, link);
  if (href) change.addMark(from, to, link.create({ href }));
  view.dispatch(change.removeStoredMark(link));
  view.focus();
}
