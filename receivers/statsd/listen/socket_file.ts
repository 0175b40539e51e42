import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'

/** Makes sure that the folder of a socket is there. Throws what the system says when it cannot be made. */
export function makeSocketFolder(path: string): void {
  mkdirSync(dirname(path), { recursive: true })
}

/**
 * Removes what is left of a socket whose process has died. Anything but a socket stays where it is, and the error that binding
 * to its path gives says so.
 */
export function removeStaleSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path)
}

/** Lets others write to a socket; `permissions` are the digits of a file mode, read as octal (`622`). */
export function allow(path: string, permissions: string): void {
  chmodSync(path, Number.parseInt(permissions, 8))
}

/** Whether a process listens on a stream socket. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}
