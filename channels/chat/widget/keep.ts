/** What the browser keeps for one inbox, shared by all tabs of the shop. */

export class Keep {
  private readonly prefix: string;
  private readonly memory = new Map<string, string>();
  private readonly storage: Storage | null;

  constructor(inbox: string, session = false) {
    this.prefix = `hanmaru:${inbox}:`;
    this.storage = usable(session ? "sessionStorage" : "localStorage");
  }

  get<T>(name: string): T | null {
    const raw = this.read(this.prefix + name);
    try {
      return raw === null ? null : (JSON.parse(raw) as T);
    } catch {
      return null;
    }
  }

  set(name: string, value: unknown): void {
    const raw = JSON.stringify(value);
    try {
      this.storage?.setItem(this.prefix + name, raw);
      if (this.storage) return;
    } catch {
      // full: better remembered until the tab closes than not at all
    }
    this.memory.set(this.prefix + name, raw);
  }

  remove(name: string): void {
    this.storage?.removeItem(this.prefix + name);
    this.memory.delete(this.prefix + name);
  }

  /** Names that begin with `start`, in order. */
  names(start: string): string[] {
    const own = this.prefix + start;
    const all = new Set([...Object.keys(this.storage ?? {}), ...this.memory.keys()]);
    return [...all].filter((name) => name.startsWith(own)).map((name) => name.slice(this.prefix.length)).sort();
  }

  /** Another tab changed something. */
  onChange(tell: (name: string) => void): void {
    addEventListener("storage", (event) => {
      if (event.storageArea === this.storage && event.key?.startsWith(this.prefix)) {
        tell(event.key.slice(this.prefix.length));
      }
    });
  }

  /** Run `work` while no other tab runs work of that name. Without Web Locks (http pages): just run it. */
  async alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    return navigator.locks ? navigator.locks.request(this.prefix + name, work) : work();
  }

  private read(name: string): string | null {
    return this.memory.get(name) ?? this.storage?.getItem(name) ?? null;
  }
}

function usable(kind: "localStorage" | "sessionStorage"): Storage | null {
  try {
    const storage = window[kind];
    storage.setItem("hanmaru", "1");
    storage.removeItem("hanmaru");
    return storage;
  } catch {
    return null;
  }
}

/** A random id (UUID version 4); `crypto.randomUUID` does not exist on plain http pages. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 15) | 64;
  bytes[8] = (bytes[8]! & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
