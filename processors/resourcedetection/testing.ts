import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from '../../lib/node_http.ts'
import { FakeClock } from '../../test/fakes/clock.ts'
import { type DetectorName, isEnabled } from './attributes.ts'
import type { Detect, DetectorContext, Found } from './detectors/detector.ts'
import type { Machine } from './detectors/machine.ts'

/** A machine of which a test says everything. */
export function fakeMachine(fields: Partial<Machine> = {}): Machine {
  const unknown = async (): Promise<never> => {
    throw new Error('ENOTFOUND')
  }
  return {
    platform: 'linux',
    arch: 'x64',
    hostname: () => 'box',
    description: () => 'Linux 6.1',
    addresses: () => [
      { name: 'lo', address: '127.0.0.1', mac: '00:00:00:00:00:00', isInternal: true },
      { name: 'eth0', address: '10.0.0.7', mac: '0a:1b:2c:3d:4e:5f', isInternal: false },
      { name: 'eth0', address: 'fe80::1', mac: '0a:1b:2c:3d:4e:5f', isInternal: false },
    ],
    readText: unknown,
    namesOf: unknown,
    canonicalName: unknown,
    reverse: unknown,
    ...fields,
  }
}

/** Asks one detector; `wanted` are attributes that are enabled beside its defaults. */
export async function detected(
  name: DetectorName,
  detect: Detect,
  { wanted = [], ...fields }: Partial<DetectorContext> & { readonly wanted?: readonly string[] } = {},
): Promise<Found> {
  const switches = Object.fromEntries(wanted.map((attribute) => [attribute, { enabled: true }]))
  return detect({
    env: {},
    machine: fakeMachine(),
    clock: new FakeClock(),
    timeoutMs: 5000,
    signal: new AbortController().signal,
    wants: (attribute) => isEnabled(name, attribute, switches),
    ...fields,
  })
}

/** What a fake metadata service was asked: `GET /path`, and the token that came with it. */
export interface MetadataQuestion {
  readonly question: string
  readonly token: string | undefined
}

/** A metadata service on a free port of 127.0.0.1; `null` never answers, what is not in `answers` is not found. */
export class FakeMetadata {
  readonly questions: MetadataQuestion[] = []
  readonly #answers: Readonly<Record<string, string | number | null>>
  readonly #server: Server
  readonly #waiting: (() => void)[] = []

  private constructor(answers: Readonly<Record<string, string | number | null>>) {
    this.#answers = answers
    this.#server = createServer((request, response) => {
      const question = `${request.method} ${request.url}`
      const token = request.headers['x-aws-ec2-metadata-token']
      this.questions.push({ question, token: typeof token === 'string' ? token : undefined })
      for (const wake of this.#waiting.splice(0)) wake()
      this.#answer(response, Object.hasOwn(answers, question) ? (this.#answers[question] as string | number | null) : 404)
    })
  }

  static async listen(answers: Readonly<Record<string, string | number | null>>): Promise<FakeMetadata> {
    const metadata = new FakeMetadata(answers)
    await new Promise<void>((resolve) => metadata.#server.listen(0, '127.0.0.1', resolve))
    return metadata
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Resolves with the next question. */
  async asked(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #answer(response: ServerResponse, answer: string | number | null): void {
    if (answer === null) return
    if (typeof answer === 'number') response.writeHead(answer, answer === 302 ? { location: '/elsewhere' } : {}).end('<html>')
    else response.end(answer)
  }
}

/** An instance with tags, as the instance metadata service tells of it. */
export const INSTANCE = {
  'PUT /latest/api/token': 'secret-token',
  'GET /latest/dynamic/instance-identity/document': JSON.stringify({
    accountId: '123456789012',
    region: 'eu-central-1',
    availabilityZone: 'eu-central-1a',
    instanceId: 'i-0abc',
    imageId: 'ami-1',
    instanceType: 'm7g.large',
    architecture: 'arm64',
  }),
  'GET /latest/meta-data/hostname': 'ip-10-0-0-7.ec2.internal',
  'GET /latest/meta-data/tags/instance': 'team\nteam-lead\neks:cluster-name\n',
  'GET /latest/meta-data/tags/instance/team': 'mesh',
  'GET /latest/meta-data/tags/instance/eks%3Acluster-name': 'prod',
} as const
