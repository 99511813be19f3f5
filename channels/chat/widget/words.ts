/** Times and sizes as people read them. */

export type { Words } from "./words.ko";
export type Lang = "ko" | "en";

export function clock(at: string | number, lang: Lang): string {
  return new Intl.DateTimeFormat(lang, { hour: "numeric", minute: "2-digit" }).format(new Date(at));
}

export function day(at: string | number, lang: Lang): string {
  return new Intl.DateTimeFormat(lang, { year: "numeric", month: "long", day: "numeric", weekday: "long" }).format(new Date(at));
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  return size < 1048576 ? `${Math.round(size / 1024)} KB` : `${(size / 1048576).toFixed(size < 10485760 ? 1 : 0).replace(".0", "")} MB`;
}
