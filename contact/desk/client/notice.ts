// The number in the tab's title and icon, and a sound: only for own and unassigned work.

import { $, setup } from "./page";

let title = document.title, shown = -1, audio: AudioContext | undefined, last = -Infinity;

export function setTitle(text: string): void {
  title = `${text} · ${setup.organisation}`;
  write(shown);
}

export function setCount(count: number): void {
  if (count !== shown) write(count);
}

function write(count: number): void {
  shown = count;
  document.title = count > 0 ? `(${count > 99 ? "99+" : count}) ${title}` : title;
  paint(count);
}

function paint(count: number): void {
  const link = $<HTMLLinkElement>("#favicon");
  if (!link) return;
  link.dataset["plain"] ??= link.href;
  if (count <= 0) { if (link.href !== link.dataset["plain"]) link.href = link.dataset["plain"]; return; }
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 64;
    const pen = canvas.getContext("2d");
    if (!pen || count !== shown) return;
    pen.drawImage(image, 0, 0, 64, 64);
    pen.fillStyle = "#b3261e";
    pen.beginPath(); pen.arc(44, 20, 20, 0, 7); pen.fill();
    pen.fillStyle = "#fff"; pen.font = "700 26px sans-serif"; pen.textAlign = "center"; pen.textBaseline = "middle";
    pen.fillText(count > 9 ? "9+" : String(count), 44, 21);
    link.href = canvas.toDataURL("image/png");
  };
  image.src = link.dataset["plain"] ?? "";
}

/** Two soft tones; browsers allow it after the first click on the page. */
export function ring(): void {
  if (!setup.prefs.sound || performance.now() - last < 1500) return;
  last = performance.now();
  document.documentElement.dataset["rang"] = String(Number(document.documentElement.dataset["rang"] ?? 0) + 1);
  try {
    audio ??= new AudioContext();
    [660, 880].forEach((pitch, step) => {
      if (!audio) return;
      const tone = audio.createOscillator(), loud = audio.createGain(), at = audio.currentTime + step * 0.12;
      tone.frequency.value = pitch;
      loud.gain.setValueAtTime(0.0001, at);
      loud.gain.exponentialRampToValueAtTime(0.08, at + 0.02);
      loud.gain.exponentialRampToValueAtTime(0.0001, at + 0.25);
      tone.connect(loud).connect(audio.destination);
      tone.start(at); tone.stop(at + 0.3);
    });
  } catch { /* no sound on this machine: the number in the title stays */ }
}
