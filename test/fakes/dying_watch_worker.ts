import type { ToWatch, WatchTask } from '../../extensions/k8s_metadata/watch_protocol.ts'
import runWatch from '../../extensions/k8s_metadata/watch_worker.ts'

/** The address that the thread dies of when it is asked to explain it. */
const DEADLY = '192.0.2.66'

/** The task of the watch thread, which dies when it is told to. */
export default function run(task: WatchTask): Promise<void> {
  task.port.on('message', (message: ToWatch) => {
    if (message.type === 'explain' && message.ip === DEADLY) throw new Error('told to die')
  })
  return runWatch(task)
}
