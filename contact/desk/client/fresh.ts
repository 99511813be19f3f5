// A new message: the composer without a thread above it, in the place where a thread would be.

import { $ } from "./page";
import { fragment } from "./net";
import { complain } from "./toast";
import { parse } from "./morph";
import * as composer from "./composer";
import * as thread from "./thread";

export const isFresh = (href: string): boolean => new URL(href, location.href).pathname === "/desk/new";

export async function open(href = "/desk/new", push = true): Promise<void> {
  const place = $("#conversation"), url = new URL(href, location.href);
  if (!place) return location.assign(href);
  composer.leave();
  try {
    url.searchParams.set("part", "thread");
    const html = await fragment(url.pathname + url.search);
    place.replaceChildren(parse(html));
    place.classList.remove("show-customer");
    document.body.classList.add("opened");
    if (push) history.pushState({ fresh: true }, "", href);
    thread.begin("");
    begin();
  } catch (error) {
    complain(error);
  }
}

/** The cursor goes where something is missing. */
export function begin(): void {
  const missing = ["to", "subject"].map((id) => $<HTMLInputElement>(`#composer #${id}`)).find((line) => line && !line.value);
  if (missing) missing.focus(); else composer.focus();
}
