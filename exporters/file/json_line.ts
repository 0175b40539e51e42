/** Characters that JSON allows unescaped but terminals and line readers trip over: DEL and C1 controls, U+2028, U+2029. */
const UNESCAPED = /[\u007f-\u009f\u2028\u2029]/g

/** A value as JSON on one line that is safe to print. */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value)
  return text.search(UNESCAPED) < 0 ? text : text.replace(UNESCAPED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
