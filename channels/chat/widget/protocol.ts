/** What travels between the widget and the server over the Socket.IO namespace `/chat`. */

export interface FileLink {
  name: string;
  type: string;
  size: number;
  url: string;
}

/** One line of the conversation. `n` is its place: the only order there is. */
export interface Item {
  n: number;
  /** The visitor's own message id, so that every tab knows its own words. */
  id: string | null;
  from: "visitor" | "agent" | "system";
  name: string;
  text: string;
  files: FileLink[];
  /** ISO 8601, UTC. */
  at: string;
}

export interface Limits {
  text: number;
  file_bytes: number;
  files: number;
  types: string[];
}

export interface Presence {
  agents_online: number;
  expected_seconds: number | null;
}

export interface Hello extends Presence {
  token: string;
  /** The token we came with was ours; otherwise this browser is new here. */
  known: boolean;
  n: number;
  conversation: { open: boolean } | null;
  name: string;
  /** The shop's own words for somebody who comes in, and its colour (`#rrggbb`); empty: ours. */
  greeting: string;
  color: string;
  /** Out of business hours: when we open again, in a sentence; else empty. */
  closed: string;
  asks_address: boolean;
  /** How far an agent has read the visitor's words. */
  seen: number;
  limits: Limits;
}

export interface Page {
  items: Item[];
  n: number;
  /** The list the widget has is too old: start again from these items. */
  resync: boolean;
  /** There are newer ones: ask again. */
  more: boolean;
  /** With `resync`: there are older ones, see `before`. */
  older?: boolean;
}

export interface Failure {
  ok: false;
  error: string;
  message: string;
  /** Seconds. */
  retry_after?: number;
}

export type Answer<T = unknown> = ({ ok: true } & T) | Failure;

export interface Uploaded {
  id: string;
  name: string;
  size: number;
  type: string;
}
