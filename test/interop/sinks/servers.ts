import { join } from 'node:path'
import { Child } from '../child.ts'

/** A Java server of one test, with little memory and low priority. */
export interface SinkServer {
  readonly child: Child
  /** Its answer as JSON; a body is sent with POST. */
  ask(path: string, body?: object): Promise<unknown>
}

/** Starting takes 10 s on an idle core, and much longer on a busy machine. */
const START_MS = 200_000

/** An OpenSearch node whose data stays in `folder`, so that it can be started there again. */
export async function startOpenSearch(
  { java, opensearch }: { readonly java: string; readonly opensearch: string },
  { folder, httpPort, transportPort }: { readonly folder: string; readonly httpPort: number; readonly transportPort: number },
): Promise<SinkServer> {
  const program = join(import.meta.dirname, 'OpenSearchServer.java')
  const jars = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', join(opensearch, '*')]
  return await start('opensearch', [java, ...jars, program, folder, String(httpPort), String(transportPort)], { port: httpPort, health: '/' })
}

/** A Zipkin server that keeps spans in memory. */
export async function startZipkin({ java, zipkin }: { readonly java: string; readonly zipkin: string }, port: number): Promise<SinkServer> {
  const listen = [`--armeria.ports[0].port=${port}`, '--armeria.ports[0].ip=127.0.0.1', '--armeria.ports[0].protocols[0]=http']
  return await start('zipkin', [java, '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-jar', zipkin, ...listen], { port, health: '/health' })
}

async function start(name: string, command: readonly string[], { port, health }: { readonly port: number; readonly health: string }): Promise<SinkServer> {
  const child = new Child({ name, file: 'nice', args: ['-n', '19', ...command] })
  const url = `http://127.0.0.1:${port}`
  try {
    await child.until('ready', async () => (await fetch(`${url}${health}`)).ok, START_MS)
  } catch (error) {
    await child.stop('SIGKILL')
    throw error
  }
  const ask = async (path: string, body?: object): Promise<unknown> => {
    const sent = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const response = await fetch(`${url}${path}`, sent)
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
    return await response.json()
  }
  return { child, ask }
}
