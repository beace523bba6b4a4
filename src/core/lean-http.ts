/** Of the exports of `node:http` those that load Node's other HTTP client, `undici`, when they are read. */
const heavy = ['WebSocket', 'CloseEvent', 'MessageEvent'] as const

/**
 * Lets imports of `node:http` cost what it is used for. The first one in a process or thread reads everything
 * that is exported, and with it loads a client of 14 MiB that nobody here calls. Comes before that import;
 * what is left out is still there for `process.getBuiltinModule`.
 */
export function keepHttpLean(): void {
  const http = process.getBuiltinModule('node:http')
  for (const name of heavy) {
    if (Object.getOwnPropertyDescriptor(http, name)?.configurable !== true) continue
    Object.defineProperty(http, name, { enumerable: false })
  }
}
