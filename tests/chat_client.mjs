// The official socket.io-client against the running server: node chat_client.mjs SCENARIO URL

import { io } from "socket.io-client";

const [scenario, url] = process.argv.slice(2);
const hello = {};
const socket = io(`${url}/chat`, { transports: scenario === "polling" ? ["polling"] : ["websocket"], auth: (give) => give({ token: hello.token ?? null, inbox: "demo", lang: "en" }) });
await new Promise((done, failed) => {
  socket.on("hello", (said) => done(Object.assign(hello, said)));
  socket.on("connect_error", failed);
});

const scenarios = {
  polling: () => scenarios.order(),

  async order() {
    const sent = Array.from({ length: 12 }, (_, i) => `message ${i}`);
    await Promise.all(sent.map((text, i) => socket.timeout(5000).emitWithAck("message", { id: `${scenario}-${process.pid}-${i}`, text, files: [] })));
    const page = await socket.timeout(5000).emitWithAck("since", { n: 0 });
    return { transport: socket.io.engine.transport.name, sent, stored: page.items.map((item) => item.text) };
  },
};

process.stdout.write(JSON.stringify(await scenarios[scenario]()));
process.exit(0);
