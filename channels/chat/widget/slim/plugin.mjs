// The official socket.io-client keeps what is hard (reconnecting, acknowledgements, heart-beats, fall-back);
// what the chat has no use for (binary packets, WebTransport, old browsers' ways) is left out of the bundle.
// Pinned by package-lock.json; the tests run the bundle against the real server over both transports.

import { readFileSync } from "node:fs";
import { dirname } from "node:path";

const OWN = {
  "socket.io-parser/build/esm/index.js": "socket.io-parser.ts",
  "engine.io-parser/build/esm/index.js": "engine.io-parser.ts",
  "engine.io-client/build/esm/transports/webtransport.js": "none.ts",
  "engine.io-client/build/esm/transports/polling-xhr.js": "none.ts",
  "engine.io-client/build/esm/transports/index.js": "transports.ts",
  "engine.io-client/build/esm/contrib/parseuri.js": "parseuri.ts",
};

/** An esbuild plugin; the build fails when a module to replace is no longer there. */
export const slim = {
  name: "slim",
  setup(build) {
    build.initialOptions.mangleProps = /^_[^_]/; // names private to socket.io-client, by its own convention
    const missing = new Set(Object.keys(OWN));
    build.onLoad({ filter: /[\\/](socket|engine)\.io-(parser|client)[\\/]build[\\/]esm[\\/]/ }, ({ path }) => {
      const name = Object.keys(OWN).find((name) => path.replaceAll("\\", "/").endsWith(name));
      if (!name) return undefined;
      missing.delete(name);
      const contents = readFileSync(new URL(OWN[name], import.meta.url), "utf8");
      return { contents, loader: "ts", resolveDir: dirname(path) };
    });
    build.onEnd(({ errors }) =>
      errors.length || !missing.size ? undefined : { errors: [{ text: `socket.io-client has changed: ${[...missing]} not found` }] },
    );
  },
};
