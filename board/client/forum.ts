// Naming people while writing: behind an @ the people who see this board are offered.
// Without this script a name that is typed out means the same.

interface Person { name: string; partner: string; said: string }

/** Milliseconds without a key before the server is asked. */
const PAUSE = 160;
/** Behind an @ at the cursor: at its beginning a space or nothing. */
const TYPED = /(?:^|\s)@([^\s@]{1,40})$/;

function pick(area: HTMLTextAreaElement, path: string): void {
  const list = document.createElement("ul");
  list.id = `${area.id}-people`;
  list.className = "forum-people";
  list.setAttribute("role", "listbox");
  list.hidden = true;
  area.after(list);
  area.setAttribute("aria-controls", list.id);
  area.setAttribute("aria-autocomplete", "list");
  let found: Person[] = [];
  let at = 0;
  let timer = 0;
  let asked = 0;

  const typed = (): string => TYPED.exec(area.value.slice(0, area.selectionStart))?.[1] ?? "";

  function close(): void {
    list.hidden = true;
    area.removeAttribute("aria-activedescendant");
  }

  function mark(): void {
    [...list.children].forEach((line, n) => { line.setAttribute("aria-selected", String(n === at)); });
    area.setAttribute("aria-activedescendant", `${list.id}-${at}`);
  }

  function show(): void {
    list.replaceChildren(...found.map((one, n) => {
      const line = document.createElement("li");
      line.id = `${list.id}-${n}`;
      line.setAttribute("role", "option");
      const name = document.createElement("b");
      name.textContent = one.name;
      const firm = document.createElement("small");
      firm.textContent = one.partner;
      line.append(name, firm);
      line.addEventListener("pointerdown", (event) => { event.preventDefault(); choose(n); });
      return line;
    }));
    list.hidden = found.length === 0;
    at = 0;
    if (found.length) mark(); else close();
  }

  function choose(n: number): void {
    const one = found[n];
    if (!one) return;
    const end = area.selectionStart;
    area.setRangeText(`${one.said} `, end - typed().length - 1, end, "end");
    close();
    area.focus();
  }

  async function ask(letters: string): Promise<void> {
    const turn = ++asked;
    try {
      const answer = await fetch(`${path}?q=${encodeURIComponent(letters)}`, { headers: { Accept: "application/json" } });
      if (!answer.ok || turn !== asked || typed() !== letters) return;
      found = ((await answer.json()) as { people: Person[] }).people;
      show();
    } catch {
      close(); // the name can be typed out
    }
  }

  area.addEventListener("input", () => {
    clearTimeout(timer);
    const letters = typed();
    if (!letters) return close();
    timer = window.setTimeout(() => void ask(letters), PAUSE);
  });
  area.addEventListener("blur", close);
  area.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = (at + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
      mark();
    } else if (event.key === "Enter" || event.key === "Tab") choose(at);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
}

for (const area of document.querySelectorAll<HTMLTextAreaElement>("textarea[data-people]")) pick(area, area.dataset["people"] ?? "");
