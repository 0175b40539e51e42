/** The kinds of telemetry that pipelines carry, spelled as in `service.pipelines`. */
export type Signal = 'logs' | 'metrics' | 'traces'

export const SIGNALS: readonly Signal[] = ['logs', 'metrics', 'traces']
