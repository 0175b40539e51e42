/**
 * Counts datagrams and does nothing else with them: what `node:dgram` costs by itself, so that it is seen how much of a
 * receiver's work is not its own. A child process of `startBare`: bound to the port that it is given, it says `true` when it
 * listens, and to every message how many have come.
 */
import { createSocket } from 'node:dgram'

let datagrams = 0
// As much room in the kernel as the receiver asks for.
const socket = createSocket({ type: 'udp4', recvBufferSize: 8 << 20 })
socket.on('message', () => {
  datagrams++
})
process.on('message', () => process.send?.(datagrams))
process.on('disconnect', () => process.exit())
socket.bind(Number(process.argv[2]), '127.0.0.1', () => process.send?.(true))
