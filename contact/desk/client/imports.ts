// The page of an import that runs: how far it is, every second, until it has ended.

import { $ } from "./page";

export function startImports(): void {
  const place = $("[data-import-progress]"), piece = place && $("[data-piece]", place);
  if (!place || !piece) return;
  const look = async (): Promise<void> => {
    try {
      const answer = await fetch(place.dataset["importProgress"] ?? "", { credentials: "same-origin" });
      if (answer.ok) piece.innerHTML = await answer.text();
    } catch { /* the next look may reach it */ }
    if ($("[data-ended]", piece)) location.reload();
    else setTimeout(() => void look(), 1000);
  };
  void look();
}
