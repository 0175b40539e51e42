import type { Settings } from '../../component/component.ts'
import { defineExporter } from '../../component/factory.ts'
import { queueUses } from '../../component/kit/queue/store.ts'
import { type AwsEmfConfig, agentAddress, config } from './config.ts'
import { CountedDocuments } from './counted_documents.ts'
import { AwsEmfExporter } from './exporter.ts'
import { AgentTcpSink } from './send/agent_tcp_sink.ts'
import { AgentUdpSink } from './send/agent_udp_sink.ts'
import { FileWriter, LineSink, StdoutWriter } from './send/line_sink.ts'
import { LogsSink } from './send/logs_sink.ts'
import type { EmfSink } from './send/sink.ts'

/** The `awsemf` exporter: metrics as documents of CloudWatch's embedded metric format. */
export const awsEmfExporter = defineExporter({
  type: 'awsemf',
  description: 'Sends metrics to Amazon CloudWatch as documents of its embedded metric format, by CloudWatch Logs, an agent, a file or standard output.',
  stability: { metrics: 'alpha' },
  config,
  uses: (checked) => queueUses(checked),
  main: (settings, checked) => new AwsEmfExporter(settings, checked, { documents: new CountedDocuments(settings, checked), sink: sinkOf(settings, checked) }),
})

function sinkOf(settings: Settings, checked: AwsEmfConfig): EmfSink {
  const { clock } = settings
  const { output_destination: destination, agent, file } = checked
  if (destination === 'cloudwatch') return new LogsSink(settings, { config: checked })
  if (destination === 'stdout') return new LineSink(settings, new StdoutWriter(clock))
  if (destination === 'agent') {
    const address = agentAddress(agent.endpoint)
    if (address === undefined) throw new Error(`BUG: agent.endpoint ${agent.endpoint} was checked`)
    return address.transport === 'tcp' ? new AgentTcpSink(settings, address) : new AgentUdpSink(settings, address)
  }
  if (file === undefined) throw new Error('BUG: output_destination: file was checked to have a file')
  const { path, rotation } = file
  return new LineSink(settings, new FileWriter({ path, bytesMax: rotation.max_megabytes << 20, backupsMax: rotation.max_backups, clock }))
}
