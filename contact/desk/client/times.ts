// Times that move by themselves: how long somebody waits, when a message leaves.

import { $$, say, setup } from "./page";

function span(since: number): string {
  const minutes = Math.floor((Date.now() - since) / 60_000);
  const unit = (n: number, name: "minute" | "hour" | "day") =>
    new Intl.NumberFormat(setup.language, { style: "unit", unit: name, unitDisplay: "narrow" }).format(n);
  if (minutes < 60) return unit(Math.max(0, minutes), "minute");
  return minutes < 1440 ? unit(Math.floor(minutes / 60), "hour") : unit(Math.floor(minutes / 1440), "day");
}

export function moment(iso: string): string {
  return new Intl.DateTimeFormat(setup.language, { timeZone: setup.zone, dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

function leaves(): void {
  for (const place of $$("[data-leaves]")) {
    const left = Math.ceil((Date.parse(place.dataset["leaves"] ?? "") - Date.now()) / 1000);
    const text = left > 120 ? say("leavesAt", { when: moment(place.dataset["leaves"] ?? "") }) : left > 0 ? say("leavesIn", { n: left }) : "";
    if (place.textContent !== text) place.textContent = text;
  }
}

function waits(): void {
  for (const place of $$("[data-since]")) {
    const text = span(Date.parse(place.dataset["since"] ?? ""));
    if (place.textContent !== text) place.textContent = text;
  }
}

/** The full date of a short time, made when somebody points at it. */
function pointed(event: Event): void {
  const time = (event.target as Element).closest?.<HTMLTimeElement>("time[datetime]");
  if (time && !time.title) time.title = moment(time.dateTime);
}

export function startTimes(): void {
  document.addEventListener("mouseover", pointed, { passive: true });
  setInterval(leaves, 500);
  setInterval(waits, 20_000);
  leaves();
}
