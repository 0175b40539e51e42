import type { ComponentKind, Host, LogFields, Logger, Settings, Status } from '../../component/component.ts'
import { FakeClock } from './clock.ts'
import { FakeTelemetry } from './telemetry.ts'

/** Keeps log lines for a test to look at. */
export class FakeLogger implements Logger {
  readonly lines: { readonly level: string; readonly fields: LogFields; readonly message: string }[] = []

  debug(fields: LogFields, message: string): void {
    this.lines.push({ level: 'debug', fields, message })
  }

  info(fields: LogFields, message: string): void {
    this.lines.push({ level: 'info', fields, message })
  }

  warn(fields: LogFields, message: string): void {
    this.lines.push({ level: 'warn', fields, message })
  }

  error(fields: LogFields, message: string): void {
    this.lines.push({ level: 'error', fields, message })
  }
}

export interface FakeSettings extends Settings {
  readonly log: FakeLogger
  readonly telemetry: FakeTelemetry
  readonly clock: FakeClock
}

/** Settings for one component, with fakes behind them. `id` is `type` or `type/name`. */
export function fakeSettings(kind: ComponentKind, id: string): FakeSettings {
  const slash = id.indexOf('/')
  const type = slash < 0 ? id : id.slice(0, slash)
  const name = slash < 0 ? '' : id.slice(slash + 1)
  return {
    id: { kind, type, name, text: id },
    address: `${kind}s.${id}`,
    log: new FakeLogger(),
    telemetry: new FakeTelemetry(),
    clock: new FakeClock(),
    shared: () => undefined,
  }
}

/** A host that remembers what was reported to it. */
export class FakeHost implements Host {
  readonly sharesPorts = false
  readonly statuses: Status[] = []
  readonly listeners: { readonly configured: string; readonly host: string; readonly port: number }[] = []
  refreshes = 0

  report(status: Status): void {
    this.statuses.push(status)
  }

  chosenPort(): number {
    return 0
  }

  listening(listener: { readonly configured: string; readonly host: string; readonly port: number }): void {
    this.listeners.push(listener)
  }

  async refresh(): Promise<void> {
    this.refreshes++
  }
}
