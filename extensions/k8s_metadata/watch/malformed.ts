/**
 * What arrived is not what the API promises: broken JSON, a line without end, an object without a name. The message never
 * quotes it, since objects may hold secrets.
 */
export class MalformedError extends Error {
  override readonly name = 'MalformedError'
}
