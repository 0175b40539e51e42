export * from '../../component/kit/queue/telemetry.ts'
