/** Files on their way up, with progress (which `fetch` cannot tell). */

import type { Failure, Limits, Uploaded } from "./protocol";
import { bytes, type Words } from "./words";
import { uuid } from "./keep";

export interface Upload {
  key: string;
  file: File;
  /** 0 to 1. */
  progress: number;
  done?: Uploaded;
  failed?: string;
  preview?: string;
  stop?: () => void;
}

export class Uploads {
  list: Upload[] = [];

  constructor(
    private readonly url: string,
    private readonly token: () => Promise<string | null>,
    private readonly limits: () => Limits | undefined,
    private readonly words: Words,
    private readonly changed: () => void,
  ) {}

  add(files: Iterable<File>): void {
    for (const file of files) {
      const upload: Upload = { key: uuid(), file, progress: 0 };
      if (/^image\/(png|jpe?g|gif|webp|avif)$/.test(file.type)) upload.preview = URL.createObjectURL(file);
      this.list.push(upload);
      void this.start(upload);
    }
    this.changed();
  }

  busy(): boolean {
    return this.list.some((upload) => !upload.done && !upload.failed);
  }

  remove(upload: Upload): void {
    upload.stop?.();
    if (upload.preview) URL.revokeObjectURL(upload.preview);
    this.list = this.list.filter((other) => other !== upload);
    this.changed();
  }

  /** The finished ones, for a message; they leave the list. */
  take(): Uploaded[] {
    const ready = this.list.filter((upload) => upload.done);
    for (const upload of ready) this.remove(upload);
    return ready.map((upload) => upload.done!);
  }

  async start(upload: Upload): Promise<void> {
    upload.failed = this.problem(upload.file);
    upload.progress = 0;
    this.changed();
    if (upload.failed) return;
    const token = await this.token();
    if (!token) return this.fail(upload, this.words.tryAgain);
    const request = new XMLHttpRequest();
    upload.stop = () => request.abort();
    request.upload.onprogress = (event) => {
      upload.progress = event.total ? event.loaded / event.total : 0;
      this.changed();
    };
    request.onerror = () => this.fail(upload, this.words.uploadFailed);
    request.onload = () => this.answered(upload, request);
    request.open("POST", this.url);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    const form = new FormData();
    form.append("file", upload.file, upload.file.name);
    request.send(form);
  }

  private answered(upload: Upload, request: XMLHttpRequest): void {
    let answer: Partial<Uploaded & Failure> = {};
    try {
      answer = JSON.parse(request.responseText) as Partial<Uploaded & Failure>;
    } catch {
      // a proxy's own error page
    }
    if (request.status === 200 && answer.id) {
      upload.done = answer as Uploaded;
      this.changed();
    } else this.fail(upload, answer.message || this.words.uploadFailed);
  }

  private fail(upload: Upload, why: string): void {
    upload.failed = why;
    this.changed();
  }

  private problem(file: File): string | undefined {
    const limits = this.limits();
    if (!limits) return undefined;
    if (file.size > limits.file_bytes) return this.words.tooLarge(bytes(limits.file_bytes));
    if (this.list.length > limits.files) return this.words.tooManyFiles(limits.files);
    return undefined;
  }
}
