// The bare reference: socket.io and SQLite (node:sqlite, Node 22.5 or newer) doing the chat's least work:
// a customer's message is inserted and committed, shown to the agent's socket, and acknowledged.
//
//   node server.mjs PORT DATABASE

import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { Server } from "socket.io";

const [port, file] = process.argv.slice(2);
const db = new DatabaseSync(file);
db.exec(`
  pragma journal_mode = wal; pragma synchronous = normal;
  create table if not exists message(id integer primary key, key text unique, conversation integer, body text, at text);
  create index if not exists message_conversation on message(conversation, id);
`);
const insert = db.prepare("insert into message(key, conversation, body, at) values (?, ?, ?, ?)");

const http = createServer((_, answer) => answer.end("ok"));
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

io.of("/chat").on("connection", (socket) => {
  const conversation = socket.handshake.auth.number;
  socket.join(`conversation:${conversation}`);
  socket.emit("hello", { n: 0 });
  socket.on("message", ({ id, text }, acknowledge) => {
    const at = new Date().toISOString();
    const n = Number(insert.run(`${conversation}:${id}`, conversation, text, at).lastInsertRowid);
    socket.to(`conversation:${conversation}`).emit("item", { n, id, from: "visitor", text, at });
    acknowledge({ ok: true, n, at });
  });
  socket.on("watch", ({ number }, acknowledge) => {
    socket.join(`conversation:${number}`);
    acknowledge({ ok: true });
  });
});

http.listen(Number(port), "127.0.0.1", () => console.log("ready"));
