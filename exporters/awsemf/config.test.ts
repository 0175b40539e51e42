import { describe, expect, test } from 'vitest'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { type AwsEmfConfig, agentAddress, config } from './config.ts'
import { knownLogNames } from './log_names.ts'

const checked = (given: object): AwsEmfConfig => checkedConfig<AwsEmfConfig>(config, given)

describe('good', () => {
  test.for([
    { name: 'nothing', given: {} },
    {
      name: "the example of the Collector's README",
      given: {
        log_group_name: '/aws/containerinsights/{ClusterName}/prometheus',
        log_stream_name: '{TaskId}',
        resource_to_telemetry_conversion: { enabled: true },
        output_destination: 'cloudwatch',
        dimension_rollup_option: 'NoDimensionRollup',
        parse_json_encoded_attr_values: ['Sources', 'kubernetes'],
        metric_declarations: [
          {
            dimensions: [['ClusterName', 'TaskId'], ['ClusterName']],
            label_matchers: [{ label_names: ['container_name', 'job'], separator: ';', regex: 'prom;.*java' }],
            metric_name_selectors: ['^jvm_threads_(current|daemon)$'],
          },
        ],
        metric_descriptors: [{ metric_name: 'memcached_current_items', unit: 'Count', overwrite: true }],
        retain_initial_value_of_delta_metric: true,
        detailed_metrics: false,
        version: '1',
        log_retention: 1096,
        tags: { team: 'mesh' },
      },
    },
    {
      name: 'the AWS session of the Collector',
      given: {
        region: 'cn-north-1',
        endpoint: 'https://vpce-1.logs.cn-north-1.vpce.amazonaws.com.cn',
        role_arn: 'arn:aws-cn:iam::123456789012:role/path/metrics',
        external_id: 'x',
        profile: 'edge',
        shared_credentials_file: ['/etc/aws/credentials'],
        proxy_address: 'http://proxy:3128',
        no_verify_ssl: false,
        certificate_file_path: '/etc/ca.pem',
        local_mode: true,
        num_workers: 8,
        request_timeout_seconds: 30,
        max_retries: 2,
        imds_retries: 1,
        resource_arn: '',
      },
    },
    { name: 'an agent by IPv6 and UDP', given: { output_destination: 'agent', agent: { endpoint: 'udp://[::1]:25888' } } },
    { name: 'a file', given: { output_destination: 'file', file: { path: '/var/log/emf.log' }, max_event_bytes: 1_048_550 } },
  ])('$name', ({ given }, { expect: check }) => {
    check(checked(given)).toMatchObject(given)
  })

  test('defaults keep the bill small and lose nothing', () => {
    expect(checked({})).toMatchObject({
      dimension_rollup_option: 'NoDimensionRollup',
      max_custom_metrics: 10_000,
      max_event_bytes: 262_118,
      create_log_group: true,
    })
  })
})

test.for([
  { given: { version: '0' }, problem: 'version: not a version that is written' },
  { given: { enhanced_container_insights: true }, problem: 'enhanced_container_insights: not supported' },
  { given: { eks_fargate_container_insights_enabled: true }, problem: 'eks_fargate_container_insights_enabled: not supported' },
  { given: { storage_resolution: 30 }, problem: 'storage_resolution: not a resolution of CloudWatch' },
  { given: { log_group_name: 'aws/metrics' }, problem: 'log_group_name: not the name of a log group' },
  { given: { log_group_name: 'a b' }, problem: 'log_group_name: not the name of a log group' },
  { given: { log_stream_name: 'a:b' }, problem: 'log_stream_name: not the name of a log stream' },
  { given: { namespace: 'AWS/EC2' }, problem: 'namespace: not a namespace' },
  { given: { output_destination: 'file' }, problem: 'output_destination: no file' },
  { given: { agent: { endpoint: 'localhost:25888' } }, problem: 'agent.endpoint: not an address' },
  { given: { agent: { endpoint: 'tcp://localhost:99999' } }, problem: 'agent.endpoint: not an address' },
  { given: { log_retention: 8 }, problem: 'log_retention: not a retention of CloudWatch Logs' },
  { given: { tags: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`tag${i}`, 'x'])) }, problem: 'tags: too many tags' },
  { given: { tags: { 'aws:x': 'x' } }, problem: 'tags.aws:x: not a tag' },
  { given: { create_log_group: false, log_retention: 7 }, problem: 'log_retention: without effect' },
  { given: { create_log_group: false, tags: { a: 'b' } }, problem: 'tags: without effect' },
  { given: { region: 'Ireland' }, problem: 'region: not a region' },
  { given: { sending_queue: { wait_for_result: true, storage: 'file_storage' } }, problem: 'sending_queue.wait_for_result: does not go with storage' },
])('bad: $problem', ({ given, problem }, { expect: check }) => {
  check(() => checked(given)).toThrow(problem)
})

test.for([
  { endpoint: 'tcp://127.0.0.1:25888', expected: { transport: 'tcp', host: '127.0.0.1', port: 25_888 } },
  { endpoint: 'udp://[fd00::1]:1', expected: { transport: 'udp', host: 'fd00::1', port: 1 } },
  { endpoint: 'tcp://cloudwatch-agent.amazon-cloudwatch:25888/', expected: { transport: 'tcp', host: 'cloudwatch-agent.amazon-cloudwatch', port: 25_888 } },
  { endpoint: 'tcp://127.0.0.1', expected: undefined },
  { endpoint: 'http://127.0.0.1:80', expected: undefined },
  { endpoint: 'tcp://a:0', expected: undefined },
])('the agent at $endpoint is $expected', ({ endpoint, expected }, { expect: check }) => {
  check(agentAddress(endpoint)).toEqual(expected)
})

test.for([
  { given: { namespace: 'Mesh', log_stream_name: 'one' }, expected: { logGroup: '/metrics/Mesh', logStream: 'one' } },
  { given: { log_group_name: '/g', log_stream_name: 'one' }, expected: { logGroup: '/g', logStream: 'one' } },
  { given: { log_stream_name: 'one' }, expected: undefined },
  { given: { log_group_name: '/g', log_stream_name: '{PodName}' }, expected: undefined },
])('log names known from $given: $expected', ({ given, expected }, { expect: check }) => {
  check(knownLogNames(checked(given))).toEqual(expected)
})

test('a process has a log stream of its own by default', () => {
  expect(knownLogNames(checked({ namespace: 'Mesh' }))?.logStream).toMatch(/^otel-stream-[0-9a-f-]{36}$/)
})
