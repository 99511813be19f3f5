// The line to the server: official socket.io client, WebSocket first. What was missed is asked for again.

import { io, type Socket } from "socket.io-client";
import { $, say } from "./page";
import { icon } from "./page";
import { alarm } from "./alarm";

export interface Row { id: number; name: string; at: string; body?: string; channel?: string; user?: number | null; contact?: number; about?: number; plain?: boolean }
export interface View { user: number; name: string; conversation: number; state: string }
export interface Changed { head: number; conversations: Record<string, [number | null, number]> | null }

export interface LevelTold { id: number; conversation: number; target: string; breached: boolean }

interface Ears {
  rows(conversation: number, rows: Row[]): void;
  changed(told: Changed): void;
  viewing(views: View[], all: boolean): void;
  typing(conversation: number, on: boolean, name: string): void;
  draft(conversation: number, draft: unknown, device: string): void;
  online(users: number[]): void;
  level(told: LevelTold): void;
  back(): void;
}

let socket: Socket | undefined;
let looking: { conversation: number; state: string } = { conversation: 0, state: "viewing" };
let lost = 0;

export function connect(ears: Ears): void {
  socket = io("/desk", { path: "/socket.io", transports: ["websocket", "polling"], reconnectionDelay: 300, reconnectionDelayMax: 4000, timeout: 8000 });
  socket.on("connect", () => {
    strip(false);
    tell(ears);
    ears.back();
  });
  socket.on("disconnect", (reason) => {
    lost = window.setTimeout(() => strip(true), 1200);
    if (reason === "io server disconnect") socket?.connect();
  });
  socket.on("connect_error", () => {
    lost ||= window.setTimeout(() => strip(true), 1200);
    if (socket && !socket.active) window.setTimeout(() => socket?.connect(), 3000);
  });
  socket.on("rows", (told: { conversation: number; rows: Row[] }) => ears.rows(told.conversation, told.rows));
  socket.on("changed", ears.changed);
  socket.on("viewing", (view: View) => ears.viewing([view], false));
  socket.on("views", (views: View[]) => ears.viewing(views, false));
  socket.on("typing", (told: { conversation: number; on: boolean; name: string }) => ears.typing(told.conversation, told.on, told.name));
  socket.on("draft", (told: { conversation: number; draft: unknown; device: string }) => ears.draft(told.conversation, told.draft, told.device));
  socket.on("online", ears.online);
  socket.on("level", ears.level);
  socket.on("alarm", (told: { after: number }) => void alarm(told));
  socket.on("out", () => location.reload());
  document.addEventListener("visibilitychange", () => socket?.emit("away", document.hidden));
  window.setInterval(() => tell(ears), 25_000);
}

function tell(ears: Ears): void {
  socket?.emit("look", looking, (known: { head?: number; viewing?: View[]; online?: number[] }) => {
    if (known.viewing) ears.viewing(known.viewing, true);
    if (known.online) ears.online(known.online);
  });
}

/** Say what is on screen, and whether something is being written there. */
export function look(conversation: number, state = "viewing"): void {
  if (conversation === looking.conversation && state === looking.state) return;
  looking = { conversation, state };
  if (socket?.connected) socket.emit("look", looking);
}

export const isConnected = (): boolean => socket?.connected ?? false;

function strip(off: boolean): void {
  clearTimeout(lost);
  lost = 0;
  const place = $("#strip");
  document.documentElement.dataset["line"] = off ? "off" : "on";
  if (!place) return;
  place.hidden = !off;
  place.replaceChildren(...(off ? [icon("offline"), say("offline")] : []));
}
