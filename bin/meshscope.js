#!/usr/bin/env node
// Starts meshscope under the one major version of Node.js it is made for. Plain JavaScript without imports of the
// project, since this file itself must run under whatever Node.js the machine has (18 or later).
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'

const NODE_MAJOR = 24
const here = dirname(fileURLToPath(import.meta.url))

/** The program: the source in a checkout, else what was built from it beside this file or in dist/. */
function findProgram() {
  const places = ['../cmd/meshscope/main.ts', '../cmd/meshscope/main.js', '../dist/cmd/meshscope/main.js']
  return places.map((place) => join(here, place)).find((path) => existsSync(path))
}

/** The Node.js that was installed along with the dependencies, in this folder or one above; undefined when there is none. */
function findNode() {
  for (let folder = here; ; folder = dirname(folder)) {
    const modules = join(folder, 'node_modules')
    const places = [join(modules, `node-${process.platform}-${process.arch}`, 'bin', 'node'), join(modules, '.bin', 'node')]
    const found = places.find((path) => existsSync(path))
    if (found !== undefined || folder === dirname(folder)) return found
  }
}

/** Runs the program in another Node.js; passes signals on to it, and its end back to our caller. */
function runWith(node, program) {
  // In a session of its own, so that Ctrl-C in a terminal reaches the program once, by way of this process. The program
  // takes a second signal as a demand to stop at once.
  const child = spawn(node, [program, ...process.argv.slice(2)], { stdio: 'inherit', detached: true })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT']) process.on(signal, () => void child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`meshscope: cannot run ${node}: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

const program = findProgram()
const node = Number(process.versions.node.split('.')[0]) === NODE_MAJOR ? process.execPath : findNode()
if (program === undefined) {
  process.stderr.write('meshscope: the program is missing\n  expected  cmd/meshscope/main.ts or dist/ beside bin/\n  hint      run npm run build\n')
  process.exitCode = 1
} else if (node === undefined) {
  process.stderr.write(
    `meshscope: wrong Node.js\n  expected  Node.js ${NODE_MAJOR}\n  found     ${process.version}\n  hint      run npm ci, which brings the right one along on Linux, or install Node.js ${NODE_MAJOR}\n`,
  )
  process.exitCode = 1
} else if (node === process.execPath) {
  process.argv[1] = program
  // Node.js takes the types out of source by a WebAssembly module, and V8 13.6 can crash (TierUpWasmToJSWrapper) when several
  // threads have it compile the module's calls into JavaScript anew. What is built needs no such module.
  if (program.endsWith('.ts')) setFlagsFromString('--wasm-wrapper-tiering-budget=2000000000')
  await import(pathToFileURL(program).href)
} else {
  runWith(node, program)
}
