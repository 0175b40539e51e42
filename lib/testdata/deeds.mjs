import { resourceLimits } from 'node:worker_threads'

// Tasks for the test of the worker pool: each ends in another way.
export default async function run({ deed, port }) {
  if (deed === 'nothing') return
  if (deed === 'tell_limits') {
    port.postMessage(resourceLimits)
    return
  }
  if (deed === 'throw') throw new Error('thrown by the task')
  if (deed === 'exit') process.exit(3)
  if (deed === 'throw_later') setImmediate(() => {
    throw new Error('thrown outside the task')
  })
  if (deed === 'hoard') {
    const hoard = []
    for (;;) hoard.push(Array.from({ length: 10_000 }, () => hoard.length + 0.5))
  }
  if (deed === 'hang') {
    port.postMessage('hangs now')
    for (;;);
  }
  await new Promise((resolve) => setTimeout(resolve, 60_000))
}
