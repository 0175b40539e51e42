/**
 * Instructions of WebAssembly as expressions: each function returns the bytes of an instruction behind those of its
 * operands, so that a program reads like arithmetic. Numbers among the operands are constants of 32 bits, bigints of 64.
 * Comparisons, divisions and shifts to the right take integers as unsigned. https://webassembly.github.io/spec/core/binary/instructions.html
 */

/** Instructions, which leave one value (an expression) or none (a statement): bytes, and within them those of operands. */
export type Code = readonly (number | Code)[]

/** The bytes of a program, put one after another. */
export function bytesOf(code: Code, bytes: number[] = []): number[] {
  for (const part of code) {
    if (typeof part === 'number') bytes.push(part)
    else bytesOf(part, bytes)
  }
  return bytes
}

/** An expression, or a constant. */
export type Operand = Code | number | bigint

/** A local variable; as an operand it is its value. */
export type Local = readonly [get: 0x20, index: number]

/** An integer in signed LEB128. */
export function signed(value: number | bigint): readonly number[] {
  const bytes: number[] = []
  for (let rest = BigInt(value); ; rest >>= 7n) {
    const low = Number(rest & 127n)
    const isLast = rest >> 6n === 0n || rest >> 6n === -1n
    bytes.push(isLast ? low : low | 128)
    if (isLast) return bytes
  }
}

/** A non-negative integer in LEB128. */
export function unsigned(value: number): readonly number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest < 128 ? rest : (rest % 128) | 128)
    if (rest < 128) return bytes
  }
}

function codeOf(operand: Operand): Code {
  if (typeof operand === 'number') return [0x41, signed(operand | 0)]
  return typeof operand === 'bigint' ? [0x42, signed(BigInt.asIntN(64, operand))] : operand
}

const unary = (opcode: number) => (operand: Operand) => [codeOf(operand), opcode]
const binary = (opcode: number) => (left: Operand, right: Operand) => [codeOf(left), codeOf(right), opcode]

/** `offset` is added to the address and costs nothing. */
const loading =
  (opcode: number) =>
  (address: Operand, offset = 0) => [codeOf(address), opcode, 0, unsigned(offset)]
const storing = (opcode: number) => (address: Operand, offset: number, value: Operand) => [codeOf(address), codeOf(value), opcode, 0, unsigned(offset)]

export const isZero = unary(0x45)
export const eq = binary(0x46)
export const ne = binary(0x47)
export const lt = binary(0x49)
export const gt = binary(0x4b)
export const add = binary(0x6a)
export const sub = binary(0x6b)
export const mul = binary(0x6c)
export const and = binary(0x71)
export const or = binary(0x72)
export const xor = binary(0x73)
export const shl = binary(0x74)
export const shr = binary(0x76)
export const load = loading(0x28)
export const load8 = loading(0x2d)
export const load16 = loading(0x2f)
export const store = storing(0x36)
export const store8 = storing(0x3a)
export const store16 = storing(0x3b)

/** The same for integers of 64 bits; comparisons give one of 32 bits. */
export const long = {
  isZero: unary(0x50),
  eq: binary(0x51),
  ne: binary(0x52),
  add: binary(0x7c),
  sub: binary(0x7d),
  mul: binary(0x7e),
  and: binary(0x83),
  or: binary(0x84),
  xor: binary(0x85),
  shl: binary(0x86),
  shr: binary(0x88),
  rotl: binary(0x89),
  trailingZeros: unary(0x7a),
  load: loading(0x29),
  store: storing(0x37),
  /** Of an unsigned integer of 32 bits. */
  of: unary(0xad),
  /** The lower 32 bits. */
  low: unary(0xa7),
} as const

/** Floating point of 64 bits. */
export const double = {
  add: binary(0xa0),
  mul: binary(0xa2),
  div: binary(0xa3),
  load: loading(0x2b),
  store: storing(0x39),
  /** Of a signed integer of 32 bits, and of 64 bits. */
  ofInt: unary(0xb7),
  ofLong: unary(0xb9),
  constant: (value: number): Code => [0x44, ...new Uint8Array(Float64Array.of(value).buffer)],
} as const

/** `left` where the condition is not zero, else `right`; both are computed. */
export function select(left: Operand, right: Operand, condition: Operand): Code {
  return [codeOf(left), codeOf(right), codeOf(condition), 0x1b]
}

/** Statements one after another. */
export function all(...statements: readonly Code[]): Code {
  return statements
}

export function set(local: Local, value: Operand): Code {
  return [codeOf(value), 0x21, unsigned(local[1])]
}

/** Sets a local and is its new value. */
export function put(local: Local, value: Operand): Code {
  return [codeOf(value), 0x22, unsigned(local[1])]
}

export function when(condition: Operand, then: Code, otherwise?: Code): Code {
  return [codeOf(condition), 0x04, 0x40, then, otherwise === undefined ? [] : [0x05, otherwise], 0x0b]
}

/** Repeats `body` as long as the condition, which is looked at before, is not zero. */
export function whilst(condition: Operand, body: Code): Code {
  return [0x02, 0x40, 0x03, 0x40, codeOf(condition), 0x45, 0x0d, 1, body, 0x0c, 0, 0x0b, 0x0b]
}

/** Leaves the function with a value, or without one. */
export function give(value?: Operand): Code {
  return [value === undefined ? [] : codeOf(value), 0x0f]
}

/** Evaluates an expression for its effect. */
export function drop(value: Operand): Code {
  return [codeOf(value), 0x1a]
}

/** Calls the function of that index in its module. */
export function call(index: number, operands: readonly Operand[]): Code {
  return [operands.map(codeOf), 0x10, unsigned(index)]
}
