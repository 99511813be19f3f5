// The official client: runs a script of steps given as JSON lines on stdin, prints what happens as JSON lines.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const say = (what, data) => console.log(JSON.stringify({ what, data }));
let socket;

const steps = {
  connect({ url, options }) {
    socket = io(url, { reconnectionDelay: 50, reconnectionDelayMax: 200, ...options });
    socket.on("connect", () => say("connect", socket.io.engine.transport.name));
    socket.on("connect_error", (error) => say("connect_error", error.message));
    socket.on("disconnect", (reason) => say("disconnect", reason));
    socket.io.engine?.on("upgrade", (transport) => say("upgrade", transport.name));
    socket.onAny((event, data) => say(event, data));
  },
  emit({ event, data }) { socket.emit(event, data); },
  ask({ event, data }) { socket.emit(event, data, (answer) => say("answer", answer)); },
  close() { socket.close(); process.exit(0); },
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { step, ...facts } = JSON.parse(line);
  steps[step](facts);
});
