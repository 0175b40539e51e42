import { describe, expect, test } from 'vitest'
import {
  add,
  all,
  and,
  bytesOf,
  type Code,
  call,
  double,
  drop,
  eq,
  give,
  load,
  load8,
  long,
  lt,
  put,
  select,
  set,
  shl,
  signed,
  store,
  sub,
  unsigned,
  when,
  whilst,
} from './code.ts'
import { WasmModule } from './module.ts'
import { Instance, Memory, Module } from './web_assembly.ts'

function run(module: WasmModule, buffer = new ArrayBuffer(0)): Readonly<Record<string, (...values: number[]) => number>> {
  const memory = new Memory({ initial: 1, maximum: 1 })
  new Uint8Array(memory.buffer).set(new Uint8Array(buffer))
  return new Instance(new Module(module.encode()), { env: { memory } }).exports as Readonly<Record<string, (...values: number[]) => number>>
}

describe('LEB128', () => {
  test.for<[number | bigint, Code]>([
    [0, [0]],
    [63, [63]],
    [64, [0xc0, 0]],
    [-1, [0x7f]],
    [-64, [0x40]],
    [-65, [0xbf, 0x7f]],
    [0x7fffffff, [0xff, 0xff, 0xff, 0xff, 7]],
    [-(2n ** 63n), [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f]],
  ])('writes %s with its sign', ([value, bytes]) => {
    expect(signed(value)).toEqual(bytes)
  })

  test('writes lengths and indexes without one', () => {
    expect([unsigned(0), unsigned(127), unsigned(128), unsigned(624_485)]).toEqual([[0], [127], [0x80, 1], [0xe5, 0x8e, 0x26]])
  })
})

describe('a module', () => {
  test('has functions with loops, branches and calls', () => {
    const module = new WasmModule(1)
    const square = module.function('square', 1, (locals, n) => {
      const [sum, i] = [locals.int(), locals.int()]
      return all(whilst(lt(i, n), all(set(sum, add(sum, n)), set(i, add(i, 1)))), give(sum))
    })
    module.function('test', 2, (_, a, b) => all(when(eq(a, b), give(square(a)), give(select(1, 2, lt(a, b)))), give(0)))
    const { test: tested } = run(module)
    expect([tested?.(7, 7), tested?.(1, 2), tested?.(-1, 2)]).toEqual([49, 1, 2])
  })

  test('reads and writes memory in all widths', () => {
    const module = new WasmModule(1)
    module.function('mix', 1, (locals, at) => {
      const word = locals.long()
      return all(
        set(word, long.and(long.load(at), 0x00ff00ff00ff00ffn)),
        store(at, 8, long.low(long.shr(word, 16n))),
        double.store(at, 16, double.mul(double.ofInt(load8(at, 1)), double.constant(1.5))),
        drop(put(word, 0n)),
        give(add(shl(load(at, 8), 8), and(load8(at), 15))),
      )
    })
    expect(run(module, Uint8Array.of(0x12, 2, 0x34, 4, 0x56, 6, 0x78, 8).buffer)['mix']?.(0)).toBe(0x56_00_34_02)
  })

  test('refuses calls with too few operands when it is written', () => {
    const module = new WasmModule(1)
    const none = module.procedure('none', 2, () => give())
    expect(() => none(1)).toThrow('BUG: none has 2 parameters, called with 1')
    expect(bytesOf(call(0, [1, 2]))).toEqual(bytesOf(none(1, 2)))
    expect(bytesOf(sub(2, 1))).toEqual([0x41, 2, 0x41, 1, 0x6b])
  })
})
