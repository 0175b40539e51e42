/** Bytes or text that are no OTLP message; nothing of them has been taken over. */
export class OtlpError extends Error {
  override readonly name = 'OtlpError'
  /** Where in the bytes (in UTF-16 units of the text, when it is JSON that does not parse); -1 when a JSON path in the message says it. */
  readonly offset: number

  constructor(message: string, offset: number, options?: ErrorOptions) {
    super(message, options)
    this.offset = offset
  }
}
