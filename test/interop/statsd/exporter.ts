import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../free_port.ts'
import { Child, temporaryFolder } from '../child.ts'
import { sumOf } from '../daemon.ts'
import { settled } from '../waiting.ts'

/** A running statsd_exporter. */
export interface StatsdExporter {
  readonly child: Child
  readonly udpPort: number
  readonly tcpPort: number
  scrape(): Promise<string>
  /** The page, once so many lines have been read and what they said is on it. */
  settled(lines: number): Promise<string>
  stop(): Promise<void>
}

/** Families that statsd_exporter has of itself. */
export const ITS_OWN = /^(?:go_|process_|promhttp_|statsd_exporter_|statsd_metric_mapper_)/

/** Starts statsd_exporter with a mapping, on UDP and TCP. */
export async function startStatsdExporter(binary: string, mapping: string): Promise<StatsdExporter> {
  const folder = temporaryFolder('statsd-exporter')
  const file = join(folder.path, 'mapping.yml')
  writeFileSync(file, mapping)
  const [web, udpPort, tcpPort] = [await freePort(), await freePort(), await freePort()]
  const listen = [`--web.listen-address=127.0.0.1:${web}`, `--statsd.listen-udp=127.0.0.1:${udpPort}`, `--statsd.listen-tcp=127.0.0.1:${tcpPort}`]
  const child = new Child({ name: 'statsd_exporter', file: binary, args: [...listen, `--statsd.mapping-config=${file}`, '--log.level=error'] })
  const stop = async (): Promise<void> => {
    await child.stop()
    folder.remove()
  }
  try {
    await child.until('ready', async () => (await fetch(`http://127.0.0.1:${web}/-/ready`)).ok)
  } catch (error) {
    await stop()
    throw error
  }
  const scrape = async (): Promise<string> => await (await fetch(`http://127.0.0.1:${web}/metrics`, { headers: { accept: 'text/plain' } })).text()
  return {
    child,
    udpPort,
    tcpPort,
    scrape,
    stop,
    settled: async (lines) => {
      await settled(scrape, (text) => sumOf(text, 'statsd_exporter_lines_total') >= lines)
      // Lines are counted when they are read, and applied in batches; a batch is complete when the queue was flushed after it.
      const flushes = sumOf(await scrape(), 'statsd_exporter_event_queue_flushed_total')
      return await settled(scrape, (text) => sumOf(text, 'statsd_exporter_event_queue_flushed_total') >= flushes + 2)
    },
  }
}
