// The right column: editing, merging and un-merging, the timeline's filter.

import { $, make, say, settled } from "./page";
import { api, fragment, post } from "./net";
import { complain } from "./toast";
import { morph, parse } from "./morph";
import { openedId, refreshSoon } from "./list";

const contact = (): string => $(".customer-in")?.dataset["contact"] ?? "";

export async function refresh(): Promise<void> {
  const number = openedId(), place = $("#customer");
  const only = $<HTMLSelectElement>("#story-filter")?.value ?? "";
  if (!place) return;
  if (!number) return location.reload();
  try {
    const html = await fragment(`/desk/conversations/${number}/customer?only=${encodeURIComponent(only)}`);
    if (openedId() === number) morph(place, html);
  } catch (error) {
    console.warn(error);
  }
}

export const refreshLater = settled(() => void refresh(), 900, 4000);

export async function act(name: string, other: string): Promise<void> {
  try {
    if (name === "unmerge") await post(`/desk/api/contacts/${other}/unmerge`);
    else await post(`/desk/api/contacts/${contact()}/${name}`, { other: Number(other) });
    for (const dialog of document.querySelectorAll<HTMLDialogElement>("#customer dialog[open]")) dialog.close();
    await refresh();
    refreshSoon();
  } catch (error) {
    complain(error);
  }
}

export async function submit(form: HTMLFormElement, name: string): Promise<void> {
  const given = Object.fromEntries(new FormData(form)) as Record<string, string>;
  try {
    if (name === "contact") {
      const { kind, value, ...rest } = given;
      await post(`/desk/api/contacts/${contact()}`, rest);
      if (value?.trim()) await post(`/desk/api/contacts/${contact()}/addresses`, { kind, value });
    } else if (name === "wish") {
      await post(`/desk/api/addresses/${form.dataset["address"]}/consent`, { given: given["given"] === "1", words: given["words"] });
    } else if (name === "erase") {
      await post(`/desk/api/contacts/${contact()}/erase`, given);
      return location.reload();
    } else return;
    form.closest("dialog")?.close();
    await refresh();
    refreshSoon();
  } catch (error) {
    complain(error);
  }
}

interface Found { id: number; name: string; addresses: string[] }

const seek = settled(async () => {
  const q = $<HTMLInputElement>("#same-q")?.value.trim() ?? "", place = $("#same-found");
  if (!place) return;
  if (q.length < 2) return place.replaceChildren();
  const told = await api<{ contacts: Found[] }>("GET", `/desk/api/contacts?q=${encodeURIComponent(q)}`).catch(() => ({ contacts: [] }));
  const lines = told.contacts.filter((one) => String(one.id) !== contact()).map((one) =>
    make("li", {}, make("span", { class: "grow" }, make("b", {}, one.name), make("br"), one.addresses.join(", ")),
      make("button", { type: "button", class: "button small primary", "data-contact-act": "merge", "data-other": String(one.id) }, say("merge"))));
  place.replaceChildren(...(lines.length ? lines : [make("li", { class: "muted" }, say("nothing"))]));
}, 180);

export async function older(button: HTMLElement): Promise<void> {
  const only = $<HTMLSelectElement>("#story-filter")?.value ?? "";
  const html = await fragment(`/desk/conversations/${openedId()}/customer?only=${only}&older=${button.dataset["older"]}`).catch(() => "");
  const fresh = parse(html), rows = $(".story-rows"), next = fresh.querySelector<HTMLElement>("[data-older]");
  rows?.append(...(fresh.querySelector(".story-rows")?.children ?? []));
  if (next) button.dataset["older"] = next.dataset["older"]; else button.remove();
}

export function startCustomer(): void {
  document.addEventListener("input", (event) => { if ((event.target as Element).id === "same-q") seek(); });
  document.addEventListener("change", (event) => { if ((event.target as Element).id === "story-filter") void refresh(); });
}
