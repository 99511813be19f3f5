/** Where the visitor writes: text, files, and the send button. */

import type { App } from "./app";
import { h, icon, iconButton, ICONS, reconcile, type Row } from "./dom";
import type { Upload } from "./upload";
import { bytes } from "./words";

export class Composer {
  readonly form: HTMLFormElement;
  readonly text: HTMLTextAreaElement;
  private readonly button: HTMLButtonElement;
  private readonly note: HTMLElement;
  private readonly chips = h("div.chips");
  private readonly shown = new Map<string, HTMLElement>();
  /** Send as soon as the files are up. */
  private due = false;

  constructor(private readonly app: App) {
    const { words } = app;
    this.text = h("textarea", { rows: 1, placeholder: words.write, "aria-label": words.write, value: app.keep.get<string>("draft") ?? "", autocomplete: "off" });
    this.text.setAttribute("enterkeyhint", "send");
    this.button = h("button.icon.send", { type: "submit", "aria-label": words.send, title: words.send }, icon(ICONS.send));
    this.note = h("p.note", { role: "alert", hidden: true });
    const [pick, files] = this.picker("clip", words.attach, false);
    const [shoot, camera] = this.picker("camera", words.camera, true);
    this.form = h(
      "form.write",
      { autocomplete: "off" },
      this.chips,
      this.note,
      h("div.box", {}, pick, shoot, this.text, this.button, files, camera),
    );
    this.listen();
  }

  show(): void {
    const rows = this.app.uploads.list.map((upload) => this.chip(upload));
    reconcile(this.chips, rows, this.shown);
    this.chips.hidden = rows.length === 0;
    if (!this.app.uploads.busy() && this.due) this.submit();
    const limit = this.app.hello?.limits.text ?? Infinity;
    const long = [...this.text.value].length > limit;
    this.tell(long ? this.app.words.tooLong(limit) : "");
    this.button.disabled = long || (!this.text.value.trim() && !this.app.uploads.list.some((upload) => !upload.failed));
    this.button.ariaBusy = String(this.due);
  }

  /** Another tab wrote: follow, unless the visitor writes here. */
  follow(): void {
    if ((this.text.getRootNode() as ShadowRoot).activeElement === this.text && document.hasFocus()) return;
    const draft = this.app.keep.get<string>("draft") ?? "";
    if (this.text.value !== draft) this.text.value = draft;
    this.grow();
  }

  grow(): void {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(140, Math.max(44, this.text.scrollHeight))}px`;
  }

  private listen(): void {
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.submit();
    };
    this.text.oninput = () => {
      this.app.keep.set("draft", this.text.value);
      if (this.text.value.trim()) this.app.write();
      else this.app.stopWriting();
      this.grow();
      this.show();
    };
    this.text.onkeydown = (event) => this.key(event);
    this.text.onpaste = (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length) return;
      event.preventDefault();
      this.app.uploads.add(files);
    };
  }

  /**
   * Enter sends, Shift+Enter breaks the line, and neither does anything in the middle of a
   * Korean syllable: then the key belongs to the input method (keyCode 229 where a browser
   * ends the composition before it tells the key). On phones Enter is the only line break.
   */
  private key(event: KeyboardEvent): void {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    if (matchMedia("(pointer:coarse)").matches) return;
    event.preventDefault();
    this.submit();
  }

  private submit(): void {
    this.show0();
    if (this.button.disabled) return;
    this.due = this.app.uploads.busy();
    if (this.due) return this.show();
    const text = this.text.value.trim();
    if (!text && !this.app.uploads.list.some((upload) => upload.done)) return;
    this.text.value = "";
    this.app.keep.remove("draft");
    this.grow();
    this.app.send(text);
    this.text.focus();
  }

  /** The button's state as of now, without looking at what is due. */
  private show0(): void {
    const due = this.due;
    this.due = false;
    this.show();
    this.due = due;
  }

  private tell(text: string): void {
    this.note.hidden = !text;
    if (this.note.textContent !== text) this.note.textContent = text;
  }

  private picker(shape: "clip" | "camera", label: string, camera: boolean): [HTMLButtonElement, HTMLInputElement] {
    const input = h("input", { type: "file", multiple: !camera, hidden: true, tabIndex: -1, "aria-label": label });
    if (camera) {
      input.accept = "image/*";
      input.setAttribute("capture", "environment");
    }
    input.onchange = () => {
      this.app.uploads.add(input.files ?? []);
      input.value = "";
      this.text.focus();
    };
    const button = iconButton(shape, label, () => {
      if (!camera) input.accept = this.app.hello?.limits.types.join(",") ?? "";
      input.click();
    });
    if (camera) button.classList.add("camera");
    return [button, input];
  }

  private chip(upload: Upload): Row {
    const { words, uploads } = this.app;
    return {
      key: upload.key,
      make: () =>
        h(
          "div.chip",
          {},
          upload.preview && h("img", { src: upload.preview, alt: "" }),
          h("span", {}, upload.file.name, h("small", {})),
          iconButton("close", `${words.remove}: ${upload.file.name}`, () => uploads.remove(upload)),
          h("progress", { max: 1, "aria-label": words.uploading }),
        ),
      update: (element) => {
        element.classList.toggle("bad", !!upload.failed);
        element.querySelector("small")!.textContent = upload.failed ?? bytes(upload.file.size);
        const bar = element.querySelector("progress")!;
        bar.hidden = !!upload.done || !!upload.failed;
        bar.value = upload.progress;
      },
    };
  }
}
