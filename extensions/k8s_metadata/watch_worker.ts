import { systemClock } from '../../lib/clock.ts'
import { keepTrimmed } from '../../lib/heap_trim.ts'
import { KubeWatch } from './kube_watch.ts'
import type { FromWatch, ToWatch, WatchTask } from './watch_protocol.ts'

/** What may gather between two collections; one takes some ten milliseconds of this thread. */
const GARBAGE_MIB_MAX = 24

/** The task of the thread that watches the API server; piscina runs it. Resolves after `stop`. */
export default async function run({ port, options }: WatchTask): Promise<void> {
  const stop = new AbortController()
  const send = (message: FromWatch): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a MessagePort, not a window
    port.postMessage(message)
  }
  const watch = new KubeWatch(options, { clock: systemClock, random: Math.random, send })
  port.on('message', (message: ToWatch) => {
    if (message.type === 'stop') stop.abort()
    else send({ type: 'explained', request: message.request, explanation: watch.explain(message) })
  })
  // What changes of pods leave behind grows old before V8 collects it; nobody waits for this thread.
  const stopTrim = keepTrimmed({ ...systemClock, calmMs: Number.POSITIVE_INFINITY, growthMibMax: GARBAGE_MIB_MAX })
  try {
    await watch.run(stop.signal)
  } finally {
    stopTrim()
    port.close()
  }
}
