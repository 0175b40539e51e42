/** The part of the WebAssembly JavaScript interface that is used here; the types of Node.js leave it out. https://webassembly.github.io/spec/js-api/ */
interface WebAssemblyApi {
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => { readonly buffer: ArrayBuffer }
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmProgram
  readonly Instance: new (program: WasmProgram, imports: Readonly<Record<string, unknown>>) => { readonly exports: Readonly<Record<string, unknown>> }
}

declare const brand: unique symbol
/** A compiled module. */
export interface WasmProgram {
  readonly [brand]: true
}

export const { Memory, Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly
