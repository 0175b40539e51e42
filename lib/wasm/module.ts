import { bytesOf, type Code, call, type Local, type Operand, unsigned } from './code.ts'

/** Bytes of a page of memory. */
export const PAGE_BYTES = 65_536

/** `\0asm` and the version. */
const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
const I32 = 0x7f
const I64 = 0x7e

/** Gives a function that is being written its local variables. */
export class Locals {
  #types: number[] = []
  readonly #parameters: number

  constructor(parameters: number) {
    this.#parameters = parameters
  }

  /** A new variable of 32 bits, which is 0 at first. */
  int(): Local {
    return this.#add(I32)
  }

  /** A new variable of 64 bits, which is 0 at first. */
  long(): Local {
    return this.#add(I64)
  }

  #add(type: number): Local {
    this.#types.push(type)
    return [0x20, this.#parameters + this.#types.length - 1]
  }

  /** The declaration of the variables, as it stands in front of the code. */
  encode(): Code {
    return [unsigned(this.#types.length), this.#types.map((type) => [1, type])]
  }
}

interface WrittenFunction {
  readonly name: string
  readonly parameters: number
  readonly hasResult: boolean
  readonly body: readonly number[]
}

/** Calls a function of the module that has been written before; one operand for each of its parameters. */
export type Callable = (...operands: Operand[]) => Code

/**
 * A WebAssembly module that is put together at run time: functions of 32-bit integers over one memory, which is imported
 * as `env.memory`. https://webassembly.github.io/spec/core/binary/modules.html
 */
export class WasmModule {
  readonly #memoryPages: number
  readonly #functions: WrittenFunction[] = []

  constructor(memoryPages: number) {
    this.#memoryPages = memoryPages
  }

  /** Adds a function that gives an integer. `write` gets its parameters and says what it does. */
  function(name: string, parameters: number, write: (locals: Locals, ...parameters: Local[]) => Code): Callable {
    return this.#add(name, parameters, true, write)
  }

  /** Adds a function that gives nothing. */
  procedure(name: string, parameters: number, write: (locals: Locals, ...parameters: Local[]) => Code): Callable {
    return this.#add(name, parameters, false, write)
  }

  #add(name: string, parameters: number, hasResult: boolean, write: (locals: Locals, ...parameters: Local[]) => Code): Callable {
    const locals = new Locals(parameters)
    const code = write(locals, ...Array.from({ length: parameters }, (_, i): Local => [0x20, i]))
    const index = this.#functions.length
    this.#functions.push({ name, parameters, hasResult, body: bytesOf([locals.encode(), code, 0x0b]) })
    return (...operands) => {
      if (operands.length !== parameters) throw new Error(`BUG: ${name} has ${parameters} parameters, called with ${operands.length}`)
      return call(index, operands)
    }
  }

  /** The module; every function is exported under its name. */
  encode(): Uint8Array<ArrayBuffer> {
    const all = this.#functions
    const pages = unsigned(this.#memoryPages)
    const types = all.map(({ parameters, hasResult }) => [0x60, unsigned(parameters), Array(parameters).fill(I32), hasResult ? [1, I32] : [0]])
    return Uint8Array.from(
      bytesOf([
        HEADER,
        section(1, types),
        section(2, [[text('env'), text('memory'), 0x02, 0x01, pages, pages]]),
        section(
          3,
          all.map((_, index) => unsigned(index)),
        ),
        section(
          7,
          all.map(({ name }, index) => [text(name), 0x00, unsigned(index)]),
        ),
        section(
          10,
          all.map(({ body }) => [unsigned(body.length), body]),
        ),
      ]),
    )
  }
}

function section(id: number, items: readonly Code[]): Code {
  const body = bytesOf([unsigned(items.length), items])
  return [id, unsigned(body.length), body]
}

function text(value: string): Code {
  const bytes = new TextEncoder().encode(value)
  return [unsigned(bytes.length), [...bytes]]
}
