/**
 * engine.io-parser for text alone. Wire format: https://github.com/socketio/engine.io-protocol
 * (revision 4).
 */

interface Packet {
  type: string;
  data?: string;
}

const KINDS = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
const SEPARATOR = "\x1e";

const text = ({ type, data }: Packet): string => KINDS.indexOf(type) + (data ?? "");

export const protocol = 4;

export function encodePacket(packet: Packet, _binary: boolean, done: (text: string) => void): void {
  done(text(packet));
}

export function decodePacket(text: string): Packet {
  const type = KINDS[+text[0]!];
  return type ? { type, data: text.slice(1) || undefined } : { type: "error", data: "parser error" };
}

export function encodePayload(packets: Packet[], done: (text: string) => void): void {
  done(packets.map(text).join(SEPARATOR));
}

export function decodePayload(payload: string): Packet[] {
  return payload.split(SEPARATOR).map(decodePacket);
}
