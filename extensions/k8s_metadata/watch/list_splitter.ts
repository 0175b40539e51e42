import { MalformedError } from './malformed.ts'

export interface ListSplitterOptions {
  /** Takes the text of one item. */
  readonly onItem: (json: string) => void
  /** Longest item; etcd takes no object above 1.5 MiB. */
  readonly itemBytesMax?: number
}

/** The part of a list that is not its items. */
export interface ListHead {
  readonly resourceVersion: string
  /** What to ask for the next page with; empty on the last one. */
  readonly continueToken: string
}

const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b
const CLOSE_BRACKET = 0x5d
const CLOSE_BRACE = 0x7d

/** Everything about a list but its items is small. */
const HEAD_BYTES_MAX = 1 << 20
const ITEM_BYTES_MAX = 16 << 20
/** How deep the elements of `items` stand. */
const ITEMS_DEPTH = 2

/**
 * Cuts the JSON text of a list (`{"metadata":{…},"items":[{…},{…}]}`) into its items while it arrives, in chunks of any
 * size, so that never more than one item is held. It follows strings and brackets only; whether an item is JSON is found
 * out by who parses it. Throws a `MalformedError` for what cannot be a list.
 */
export class ListSplitter {
  readonly #onItem: (json: string) => void
  readonly #itemBytesMax: number
  #depth = 0
  #isInString = false
  #isEscaped = false
  #isInItems = false
  #hasItems = false
  /** Bytes of an item that began in an earlier chunk. */
  #itemParts: Buffer[] = []
  #itemBytes = 0
  /** The text around the items. */
  #head: Buffer[] = []
  #headBytes = 0
  /** The last string right below the top: a key, once a colon has come. */
  #lastString: number[] = []
  #isItemsKey = false

  constructor({ onItem, itemBytesMax = ITEM_BYTES_MAX }: ListSplitterOptions) {
    this.#onItem = onItem
    this.#itemBytesMax = itemBytesMax
  }

  /** Takes the next bytes; hands on the items that are complete. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) at = this.#isInItems ? this.#pushItems(chunk, at) : this.#pushHead(chunk, at)
  }

  /** Call at the end of the text. */
  end(): ListHead {
    if (this.#depth !== 0 || this.#isInItems || this.#headBytes === 0) throw new MalformedError('the list ends in the middle')
    let head: unknown
    try {
      head = JSON.parse(Buffer.concat(this.#head).toString('utf8'))
    } catch {
      throw new MalformedError('not a list: what stands around its items is not JSON')
    }
    const { items, metadata } = (head ?? {}) as { readonly items?: unknown; readonly metadata?: Readonly<Record<string, unknown>> }
    // Go writes an empty list as null in some places.
    if (!this.#hasItems && items !== null) throw new MalformedError('not a list: it has no items')
    const { resourceVersion, continue: token } = metadata ?? {}
    if (typeof resourceVersion !== 'string') throw new MalformedError('the list has no resource version')
    return { resourceVersion, continueToken: typeof token === 'string' ? token : '' }
  }

  #pushHead(chunk: Buffer, start: number): number {
    let at = start
    for (; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (this.#isInString) this.#inHeadString(byte)
      else if (byte === QUOTE) {
        this.#isInString = true
        this.#lastString = []
      } else if (byte === COLON) this.#isItemsKey = this.#depth === 1 && Buffer.from(this.#lastString).toString('latin1') === 'items'
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.#depth++
        if (byte === OPEN_BRACKET && this.#depth === ITEMS_DEPTH && this.#isItemsKey && !this.#hasItems) {
          this.#isInItems = true
          this.#hasItems = true
          at++
          break
        }
        this.#isItemsKey = false
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#depth--
    }
    this.#keepHead(chunk.subarray(start, at))
    return at
  }

  #inHeadString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === BACKSLASH) this.#isEscaped = true
    else if (byte === QUOTE) this.#isInString = false
    else if (this.#depth === 1 && this.#lastString.length < 16) this.#lastString.push(byte)
  }

  #keepHead(part: Buffer): void {
    this.#headBytes += part.length
    if (this.#headBytes > HEAD_BYTES_MAX) throw new MalformedError(`more than ${HEAD_BYTES_MAX} bytes around the items of a list`)
    this.#head.push(Buffer.from(part))
  }

  /** The hot loop: one pass over the bytes of items with its state in local variables. */
  #pushItems(chunk: Buffer, start: number): number {
    let depth = this.#depth
    let isInString = this.#isInString
    let itemAt = this.#itemBytes > 0 ? start : -1
    let at = start
    if (this.#isEscaped) {
      this.#isEscaped = false
      at++
    }
    for (; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (isInString) {
        if (byte === QUOTE) isInString = false
        else if (byte === BACKSLASH) at++
      } else if (byte === QUOTE) isInString = true
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (depth === ITEMS_DEPTH && itemAt < 0) itemAt = at
        depth++
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth--
        if (depth === ITEMS_DEPTH) {
          this.#finishItem(chunk, itemAt, at + 1)
          itemAt = -1
        } else if (depth < ITEMS_DEPTH) return this.#endItems(byte, at)
      } else if (depth === ITEMS_DEPTH && byte > SPACE && byte !== COMMA) throw new MalformedError('something between the items of the list')
    }
    this.#depth = depth
    this.#isInString = isInString
    // A backslash was the last byte: what it escapes comes with the next chunk.
    this.#isEscaped = at > chunk.length
    if (itemAt >= 0) this.#keepItem(chunk.subarray(itemAt))
    return chunk.length
  }

  #endItems(byte: number, at: number): number {
    if (byte !== CLOSE_BRACKET) throw new MalformedError('the items of the list end with the wrong bracket')
    this.#isInItems = false
    this.#isInString = false
    this.#isItemsKey = false
    this.#depth = ITEMS_DEPTH
    // The bracket goes to the head, so that it reads "items":[].
    return at
  }

  #keepItem(part: Buffer): void {
    this.#itemBytes += part.length
    if (this.#itemBytes > this.#itemBytesMax) throw new MalformedError(`an item of more than ${this.#itemBytesMax} bytes`)
    this.#itemParts.push(part)
  }

  #finishItem(chunk: Buffer, start: number, end: number): void {
    if (this.#itemBytes === 0) {
      if (end - start > this.#itemBytesMax) throw new MalformedError(`an item of more than ${this.#itemBytesMax} bytes`)
      this.#onItem(chunk.toString('utf8', start, end))
      return
    }
    this.#keepItem(chunk.subarray(start, end))
    const json = Buffer.concat(this.#itemParts, this.#itemBytes).toString('utf8')
    this.#itemParts = []
    this.#itemBytes = 0
    this.#onItem(json)
  }
}
