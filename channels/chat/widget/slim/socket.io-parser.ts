/**
 * socket.io-parser without binary packets, which the chat never sends: 2 KB less in the widget.
 * Wire format: https://github.com/socketio/socket.io-protocol (revision 5).
 */

import { Emitter } from "@socket.io/component-emitter";

interface Packet {
  type: number;
  nsp: string;
  data?: unknown;
  id?: number;
}

export const protocol = 5;
export const PacketType = { CONNECT: 0, DISCONNECT: 1, EVENT: 2, ACK: 3, CONNECT_ERROR: 4, BINARY_EVENT: 5, BINARY_ACK: 6 };

export class Encoder {
  encode({ type, nsp, data, id }: Packet): string[] {
    return [`${type}${nsp === "/" ? "" : `${nsp},`}${id ?? ""}${data === undefined ? "" : JSON.stringify(data)}`];
  }
}

const FORM = /^([0-4])(?:(\/[^,]*),)?(\d+)?(.*)$/s;

export class Decoder extends Emitter<object, object, { decoded: (packet: Packet) => void }> {
  add(text: string): void {
    const found = FORM.exec(text);
    if (!found) throw new Error("not a packet");
    const [, type, nsp, id, data] = found;
    this.emitReserved("decoded", { type: +type!, nsp: nsp ?? "/", id: id ? +id : undefined, data: data ? JSON.parse(data) : undefined });
  }

  destroy(): void {}
}
