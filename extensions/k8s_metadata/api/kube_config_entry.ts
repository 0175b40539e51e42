import { accessError } from './access_error.ts'

/** A mapping of a kubeconfig file, read with checks whose messages name file and key. */
export class KubeConfigEntry {
  /** Such as `/root/.kube/config: users[admin].user`. */
  readonly place: string
  /** The folder of the file: what relative paths are relative to. */
  readonly folder: string
  readonly #fields: Readonly<Record<string, unknown>>

  /** Throws an `AccessError` when `fields` is no mapping. */
  constructor(place: string, folder: string, fields: unknown) {
    this.place = place
    this.folder = folder
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) throw accessError(place, 'not a mapping', { expected: 'keys and values' })
    this.#fields = fields as Readonly<Record<string, unknown>>
  }

  /** True when a key is there and not empty. */
  has(key: string): boolean {
    const value = this.#fields[key]
    return value !== undefined && value !== null && value !== ''
  }

  /** A text; empty when the key is missing. The value is not put into messages: it may be a secret. */
  text(key: string): string {
    const value = this.#fields[key] ?? ''
    if (typeof value === 'string') return value
    throw accessError(`${this.place}.${key}`, 'not a text', { expected: 'a text', found: `a ${typeof value}`, hint: 'put it into quotes' })
  }

  /** A list of texts; empty when the key is missing. */
  texts(key: string): readonly string[] {
    const value = this.#fields[key] ?? []
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
    throw accessError(`${this.place}.${key}`, 'not a list of texts')
  }

  /** True or false; false when the key is missing. */
  flag(key: string): boolean {
    const value = this.#fields[key] ?? false
    if (typeof value === 'boolean') return value
    throw accessError(`${this.place}.${key}`, 'not true or false', { expected: 'true or false', found: `a ${typeof value}` })
  }

  /** A mapping below this one; undefined when the key is missing. */
  entry(key: string): KubeConfigEntry | undefined {
    return this.has(key) ? new KubeConfigEntry(`${this.place}.${key}`, this.folder, this.#fields[key]) : undefined
  }

  /** A list of mappings below this one; empty when the key is missing. */
  entries(key: string): readonly KubeConfigEntry[] {
    const value = this.#fields[key] ?? []
    if (!Array.isArray(value)) throw accessError(`${this.place}.${key}`, 'not a list', { expected: 'a list of mappings' })
    return value.map((fields: unknown, i) => new KubeConfigEntry(`${this.place}.${key}[${i}]`, this.folder, fields))
  }
}
