/** The questions the widget asks inside the thread: address, consent, transcript, end, rating. */

import type { App } from "./app";
import { h, icon, ICONS, type Row } from "./dom";

export type Asked = "transcript" | "end" | null;

export interface Desk {
  app: App;
  /** Which card the visitor called from the menu. */
  asked: Asked;
  ask(card: Asked): void;
  say(text: string): void;
}

export function cards(desk: Desk): Row[] {
  const { app } = desk;
  const out: Row[] = [];
  const began = app.thread.items.length > 0 || app.pending().length > 0;
  const asksAddress = began && app.hello?.asks_address && !app.session.get("no-address");
  if (asksAddress && !app.ended) out.push({ key: "address", make: () => address(desk) });
  else if (began && !app.ended && app.hello && app.keep.get("consent") === null) out.push({ key: "consent", make: () => consent(desk) });
  if (app.ended && began && app.keep.get("rated") !== app.thread.last()) out.push({ key: "rate", make: () => rate(desk) });
  if (desk.asked === "transcript") out.push({ key: "transcript", make: () => transcript(desk) });
  if (desk.asked === "end") out.push({ key: "end", make: () => end(desk) });
  return out;
}

/** A card: title, text, fields, buttons; `submit` gives the words of a failure or null. */
function card(title: string, text: string, parts: Node[], buttons: HTMLButtonElement[], submit: () => Promise<string | null>): HTMLElement {
  const trouble = h("p", { role: "alert" });
  const form = h("form.card", {}, h("h3", {}, title), text && h("p", {}, text), ...parts, trouble, h("div.row", {}, ...buttons));
  trouble.hidden = true;
  form.onsubmit = (event) => {
    event.preventDefault();
    const go = buttons.at(-1)!;
    go.disabled = true;
    void submit().then((why) => {
      go.disabled = false;
      trouble.hidden = !why;
      trouble.textContent = why ?? "";
    });
  };
  return form;
}

function button(text: string, onclick?: () => void): HTMLButtonElement {
  return onclick ? h("button.btn", { type: "button", onclick }, text) : h("button.btn.go", { type: "submit" }, text);
}

function field(label: string, type: "email" | "text", autocomplete: "email" | "name"): [HTMLElement, HTMLInputElement] {
  const input = h("input", { type, autocomplete, required: type === "email", maxLength: 200 });
  return [h("label.field", {}, label, input), input];
}

function address({ app, say }: Desk): HTMLElement {
  const { words } = app;
  const [mail, email] = field(words.email, "email", "email");
  const [called, name] = field(words.name, "text", "name");
  const dismiss = (): void => {
    app.session.set("no-address", true);
    app.set({});
  };
  return card(words.addressTitle, words.addressText, [mail, called], [button(words.later, dismiss), button(words.save)], async () => {
    const why = await app.request("address", { email: email.value, name: name.value });
    if (why) return why;
    if (app.hello) app.hello.asks_address = false;
    say(words.addressDone(email.value));
    return null;
  });
}

function consent({ app }: Desk): HTMLElement {
  const { words } = app;
  return card(words.consentTitle, words.consentText, [], [button(words.deny, () => app.share(false)), button(words.allow, () => app.share(true))], () => Promise.resolve(null));
}

function transcript({ app, ask, say }: Desk): HTMLElement {
  const { words } = app;
  const [mail, email] = field(words.email, "email", "email");
  return card(words.transcript, words.transcriptText, [mail], [button(words.cancel, () => ask(null)), button(words.send)], async () => {
    const why = await app.request("transcript", { email: email.value });
    if (why) return why;
    ask(null);
    say(words.transcriptDone(email.value));
    return null;
  });
}

function end({ app, ask }: Desk): HTMLElement {
  const { words } = app;
  return card(words.endSure, "", [], [button(words.cancel, () => ask(null)), button(words.endYes)], async () => {
    await app.end();
    ask(null);
    return null;
  });
}

function rate({ app, say }: Desk): HTMLElement {
  const { words } = app;
  const said = h("p.said", { "aria-live": "polite" });
  const labels: HTMLElement[] = [];
  let score = 0;
  const light = (upTo: number): void => {
    labels.forEach((label, index) => label.classList.toggle("lit", index < upTo));
    said.textContent = words.stars[upTo - 1] ?? "";
  };
  words.stars.forEach((name, index) => {
    const onchange = (): void => {
      light((score = index + 1));
      text.hidden = go.disabled = false;
      go.parentElement?.scrollIntoView({ block: "nearest" });
    };
    const star = h("input", { type: "radio", name: "score", value: String(index + 1), "aria-label": `${index + 1}: ${name}`, onchange });
    labels.push(h("label", { onmouseenter: () => light(index + 1), onmouseleave: () => light(score) }, star, icon(ICONS.star)));
  });
  const text = h("textarea", { rows: 2, placeholder: words.rateText, "aria-label": words.rateText, maxLength: 2000, hidden: true });
  const done = (): void => {
    app.keep.set("rated", app.thread.last());
    app.set({});
  };
  const go = button(words.rateSend);
  const stars = h("div.stars", { role: "radiogroup", "aria-label": words.rateTitle }, ...labels);
  const form = card(words.rateTitle, "", [stars, said, text], [button(words.later, done), go], async () => {
    const why = await app.request("rate", { score, text: text.value });
    if (why) return why;
    done();
    say(words.rated);
    return null;
  });
  go.disabled = true;
  return form;
}
