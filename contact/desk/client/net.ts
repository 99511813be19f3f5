// Asking the server: JSON verbs with the CSRF token, HTML fragments, uploads with progress.

import { $, say } from "./page";

/** The server said no (`code` is its word), or could not be reached (`offline`). */
export class Refused extends Error {
  constructor(message: string, readonly code: string, readonly status: number, readonly data: Record<string, unknown> = {}) {
    super(message);
  }
}

const csrf = () => $<HTMLMetaElement>('meta[name="csrf"]')?.content ?? "";

export async function api<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method, credentials: "same-origin",
      headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRF": csrf() },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    throw new Refused(say("unreachable"), "offline", 0);
  }
  const data = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Refused(String(data["message"] ?? say("unreachable")), String(data["error"] ?? "error"), answer.status, data);
  return data as T;
}

export const post = <T = Record<string, unknown>>(path: string, body: unknown = {}): Promise<T> => api<T>("POST", path, body);

/** A piece of a page. A session that has ended leads to the sign-in page. */
export async function fragment(path: string, signal?: AbortSignal): Promise<string> {
  let answer: Response;
  try {
    answer = await fetch(path, { credentials: "same-origin", headers: { Accept: "text/html" }, ...(signal ? { signal } : {}) });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(say("unreachable"), "offline", 0);
  }
  if (answer.redirected && new URL(answer.url).pathname.startsWith("/sign-in")) location.assign(answer.url);
  if (!answer.ok) throw new Refused(say("unreachable"), "error", answer.status);
  return answer.text();
}

export interface Uploaded { token: string; name: string; size: number; type: string; cid?: string }

export function upload(file: File, progress: (part: number) => void): { done: Promise<Uploaded>; abort: () => void } {
  const request = new XMLHttpRequest();
  const done = new Promise<Uploaded>((resolve, reject) => {
    request.open("POST", "/desk/api/files");
    request.setRequestHeader("X-CSRF", csrf());
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () => {
      if (request.status < 300) resolve(request.response as Uploaded);
      else reject(new Refused(request.response?.message ?? say("unreachable"), request.response?.error ?? "error", request.status));
    };
    request.onerror = () => reject(new Refused(say("unreachable"), "offline", 0));
    request.onabort = () => reject(new Refused("", "aborted", 0));
    const form = new FormData();
    form.append("file", file, file.name);
    request.send(form);
  });
  return { done, abort: () => request.abort() };
}
