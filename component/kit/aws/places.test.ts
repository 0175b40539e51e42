import { afterEach, describe, expect, test } from 'vitest'
import { FakeInstanceMetadata } from '../../../test/fakes/aws_credentials.ts'
import { CredentialBook } from '../../../test/fakes/cloudwatch_logs/credential_book.ts'
import { serviceUrl } from './endpoint.ts'
import { findRegion } from './region.ts'
import { checkAwsSession } from './session_schema.ts'

const LOGS = { host: 'logs', variable: 'CLOUDWATCH_LOGS' }

describe('the address of a service', () => {
  test.for([
    { region: 'eu-west-1', env: {}, url: 'https://logs.eu-west-1.amazonaws.com/' },
    { region: 'cn-north-1', env: {}, url: 'https://logs.cn-north-1.amazonaws.com.cn/' },
    { region: 'us-gov-west-1', env: { AWS_USE_FIPS_ENDPOINT: 'true' }, url: 'https://logs-fips.us-gov-west-1.amazonaws.com/' },
    { region: 'eu-west-1', env: { AWS_USE_DUALSTACK_ENDPOINT: 'true' }, url: 'https://logs.eu-west-1.api.aws/' },
    { region: 'us-iso-east-1', env: {}, url: 'https://logs.us-iso-east-1.c2s.ic.gov/' },
    { region: 'eu-west-1', env: { AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' }, url: 'http://127.0.0.1:4566/' },
    {
      region: 'eu-west-1',
      env: { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: 'http://127.0.0.1:2' },
      url: 'http://127.0.0.1:2/',
    },
  ])('in $region with $env is $url', ({ region, env, url }, { expect: check }) => {
    check(serviceUrl(LOGS, region, { env }).href).toBe(url)
  })

  test('that the config has goes first', () => {
    expect(serviceUrl(LOGS, 'eu-west-1', { endpoint: 'https://vpce-1.logs/', env: { AWS_ENDPOINT_URL: 'http://127.0.0.1' } }).href).toBe('https://vpce-1.logs/')
  })
})

describe('the region', () => {
  const open: FakeInstanceMetadata[] = []
  afterEach(async () => {
    for (const one of open.splice(0)) await one.stop()
  })
  const OPTIONS = { localMode: false, retries: 1 }

  test.for([
    { region: 'eu-west-1', env: { AWS_REGION: 'eu-west-2' }, expected: 'eu-west-1' },
    { region: undefined, env: { AWS_REGION: 'eu-west-2', AWS_DEFAULT_REGION: 'eu-west-3' }, expected: 'eu-west-2' },
    { region: undefined, env: { AWS_REGION: '', AWS_DEFAULT_REGION: 'eu-west-3' }, expected: 'eu-west-3' },
  ])('is $expected with $region and $env', async ({ region, env, expected }, { expect: check }) => {
    check(await findRegion({ ...OPTIONS, region, env })).toBe(expected)
  })

  test('is that of the instance when nothing else says it', async () => {
    const imds = await new FakeInstanceMetadata({ book: new CredentialBook(), ttlMs: 1 }).listen()
    open.push(imds)
    imds.region = 'ap-southeast-2'
    expect(await findRegion({ ...OPTIONS, env: imds.env })).toBe('ap-southeast-2')
    imds.isAway = true
    await expect(findRegion({ ...OPTIONS, env: imds.env })).rejects.toThrow(
      /^no region; set region, or AWS_REGION \(the instance metadata does not say: .* answered 503\)$/,
    )
    expect(imds.requests.filter((one) => one === 'PUT /latest/api/token').length).toBe(3)
  })

  test.for([
    { localMode: true, env: {}, why: 'local_mode does not ask the instance' },
    { localMode: false, env: { AWS_EC2_METADATA_DISABLED: 'true' }, why: 'AWS_EC2_METADATA_DISABLED does not ask the instance' },
  ])('is not asked of the instance: $why', async ({ localMode, env, why }, { expect: check }) => {
    await check(findRegion({ retries: 0, localMode, env })).rejects.toThrow(`no region; set region, or AWS_REGION (${why})`)
  })
})

test.for([
  { given: { region: 'Ireland' }, problem: 'not a region' },
  { given: { endpoint: 'logs.eu-west-1.amazonaws.com' }, problem: 'not a URL' },
  { given: { proxy_address: 'proxy:3128' }, problem: 'not a URL' },
  { given: { role_arn: 'role/metrics' }, problem: 'not the ARN of a role' },
  { given: { external_id: 'x' }, problem: 'given without role_arn' },
])('$given is $problem', ({ given, problem }, { expect: check }) => {
  const session = {
    shared_credentials_file: [],
    no_verify_ssl: false,
    local_mode: false,
    request_timeout_seconds: 30,
    max_retries: 2,
    imds_retries: 1,
    ...given,
  }
  check(checkAwsSession(session).map((found) => found.problem)).toEqual([problem])
})
