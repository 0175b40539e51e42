/**
 * What is used of `node:http`. To import it as a module would load the client behind `fetch`, which `node:http` offers
 * parts of (WebSocket, MessageEvent): 1.3 MiB in every thread.
 */
export const { Agent, createServer, request } = process.getBuiltinModule('node:http')
