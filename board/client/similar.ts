// While somebody types a suggestion: those that say nearly the same. The form works without this, too.

const WAIT = 250;

interface Found { href: string; title: string }

const place = document.querySelector<HTMLElement>("[data-similar]");
const input = document.querySelector<HTMLInputElement>("#f-title");
const csrf = document.querySelector<HTMLMetaElement>('meta[name="csrf"]')?.content ?? "";

function show(box: HTMLElement, found: Found[]): void {
  const list = box.querySelector("ul");
  if (!list) return;
  list.replaceChildren(...found.map(({ href, title }) => {
    const link = document.createElement("a");
    link.href = href;
    link.className = "link";
    link.textContent = title;
    const item = document.createElement("li");
    item.append(link);
    return item;
  }));
  box.hidden = !found.length;
}

function follow(box: HTMLElement, field: HTMLInputElement): void {
  const path = box.dataset["similar"] ?? "";
  let timer = 0, asked = "";
  const ask = async (): Promise<void> => {
    const title = field.value.trim();
    if (title === asked) return;
    asked = title;
    if (title.length < 2) return show(box, []);
    try {
      const answer = await fetch(path, {
        method: "POST", credentials: "same-origin", body: JSON.stringify({ title }),
        headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRF": csrf },
      });
      if (answer.ok && title === asked) show(box, ((await answer.json()) as { found: Found[] }).found);
    } catch { /* the next key asks again */ }
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void ask(), WAIT);
  });
}

if (place && input) follow(place, input);
