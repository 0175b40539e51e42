import { spawnSync } from 'node:child_process'

/**
 * Runs `promtool check metrics` over a text exposition. Returns the complaints; empty when there are none. Lint notes
 * (exit 3) that match `accepted` are left out, a text that does not parse (exit 1) never is.
 */
export function checkMetrics(promtool: string, text: string, accepted: readonly RegExp[] = []): readonly string[] {
  const { status, stdout, stderr, error } = spawnSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8', timeout: 30_000 })
  if (error !== undefined) throw error
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line.trim() !== '')
  if (status === 0) return []
  if (status !== 3) return [`promtool ended with ${status}`, ...lines]
  return lines.filter((line) => !accepted.some((pattern) => pattern.test(line)))
}
