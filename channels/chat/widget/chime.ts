/** Two soft notes, made on the spot: no file to load. Browsers keep it silent until a first click. */

let context: AudioContext | undefined;

export function chime(): void {
  try {
    context ??= new AudioContext();
    const start = context.currentTime + 0.01;
    note(context, 659, start);
    note(context, 880, start + 0.12);
  } catch {
    // no sound device
  }
}

function note(context: AudioContext, pitch: number, at: number): void {
  const tone = context.createOscillator();
  const loudness = context.createGain();
  tone.frequency.value = pitch;
  loudness.gain.setValueAtTime(0, at);
  loudness.gain.linearRampToValueAtTime(0.12, at + 0.02);
  loudness.gain.exponentialRampToValueAtTime(0.0001, at + 0.4);
  tone.connect(loudness).connect(context.destination);
  tone.start(at);
  tone.stop(at + 0.45);
}
