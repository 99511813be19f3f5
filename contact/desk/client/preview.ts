// How the chat's window will look with what stands in the form: name, greeting, colour.

/** `place` lies in the form it shows. */
export function preview(place: HTMLElement): void {
  const form = place.closest("form");
  if (!form) return;
  const value = (name: string): string => (form.elements.namedItem(name) as HTMLInputElement | null)?.value.trim() ?? "";
  const show = (): void => {
    const name = place.querySelector<HTMLElement>("[data-look-name]");
    if (name) name.textContent = value("name") || "–";
    for (const part of place.querySelectorAll<HTMLElement>("[data-look-greeting]")) {
      part.textContent = value(part.dataset["lookGreeting"] ?? "") || (part.dataset["else"] ?? "");
    }
    const color = value("color");
    place.style.setProperty("--look", color);
    place.style.setProperty("--look-on", isLight(color) ? "#000" : "#fff");
  };
  form.addEventListener("input", show);
  show();
}

/** Whether black can be read better on it than white (WCAG 2.2, relative luminance). */
function isLight(color: string): boolean {
  const [r = 0, g = 0, b = 0] = (color.match(/[0-9a-f]{2}/gi) ?? []).map((part) => {
    const level = parseInt(part, 16) / 255;
    return level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179;
}
