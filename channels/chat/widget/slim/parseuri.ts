/** parseuri by the browser's own URL. */

export function parse(source: string): object {
  const { protocol, hostname, port, pathname, search } = new URL(source, location.href);
  return { source, protocol: protocol.slice(0, -1), host: hostname, port, path: pathname, query: search.slice(1) };
}
