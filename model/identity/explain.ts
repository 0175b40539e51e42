import { type Claim, readClaims } from './bindings.ts'
import { ClaimRule } from './claim_rule.ts'
import { ObjectDecoder } from './decode.ts'
import type { ExplainedClaim, IdentityExplanation, IdentityHandles } from './handles.ts'
import { parseIp } from './ip.ts'
import { Key } from './key.ts'
import { CLAIM_SOURCE_SHIFT, ClaimFlag, Control, ControlFlag, claimsOffset, claimWords, RESOURCES } from './layout.ts'
import { IdentityMemory } from './memory.ts'
import { prefixLengths } from './prefixes.ts'

interface Question {
  readonly ip: string
  readonly port: number
  readonly timeMs: number
}

/** Says what an address was at a time, and why: every claim that is remembered, and what became of it. For people; slow. */
export function explainAddress(handles: IdentityHandles, question: Question): IdentityExplanation {
  const memory = new IdentityMemory(handles)
  const decoder = new ObjectDecoder(memory)
  const flags = Atomics.load(memory.control, Control.flags)
  const key = new Key()
  const owners = key.setAddress(question.ip, memory.seed) && memory.find(key) >= 0 ? explainBinding(memory, decoder, memory.found, question) : []
  const services: ExplainedClaim[] = []
  for (const binding of serviceBindings(memory, key, question.ip)) {
    const isDecided = services.some(({ isWinner }) => isWinner)
    for (const claim of explainBinding(memory, decoder, binding, question)) {
      services.push(isDecided && claim.isWinner ? { ...claim, isWinner: false, why: 'a longer prefix has it' } : claim)
    }
  }
  const leadsHere = owners.flatMap(({ object, untilMs }) => (object.kind === 'endpoint' && untilMs === null ? [`${object.namespace}/${object.service}`] : []))
  return {
    ...question,
    isSynced: (flags & ControlFlag.isSynced) !== 0,
    isClusterWide: (flags & ControlFlag.isClusterWide) !== 0,
    owners,
    services,
    leadsHere: [...new Set(leadsHere)].sort(),
  }
}

/** The bindings of an address as that of a service: its own, then the blocks that it is in, the longest prefix first. */
function serviceBindings(memory: IdentityMemory, key: Key, ip: string): readonly number[] {
  const bindings: number[] = []
  const words = new Int32Array(4)
  const family = parseIp(ip, words)
  if (family === 0) return bindings
  if (key.setVirtual(ip, memory.seed) && memory.find(key) >= 0) bindings.push(memory.found)
  for (const bits of prefixLengths(memory.control, family)) {
    if (key.setBlock(words, family, bits, memory.seed) && memory.find(key) >= 0) bindings.push(memory.found)
  }
  return bindings
}

function explainBinding(memory: IdentityMemory, decoder: ObjectDecoder, binding: number, { port, timeMs }: Question): ExplainedClaim[] {
  const rule = new ClaimRule(memory)
  const header = memory.words[binding] as number
  const winnerAt = rule.choose(binding, port, timeMs)
  const { verdict } = rule
  const claims = readClaims(memory.words, binding)
  const start = binding + claimsOffset(header)
  const winner = winnerAt === 0 ? undefined : claims[(winnerAt - start) / claimWords(header)]
  const explained = claims.map((claim, i): ExplainedClaim => {
    const isEligible = rule.isEligible(binding, start + i * claimWords(header), port)
    return {
      object: decoder.object(claim.object),
      source: RESOURCES[(claim.flags >>> CLAIM_SOURCE_SHIFT) - 1] ?? '',
      fromMs: claim.fromMs,
      untilMs: claim.untilMs === Number.POSITIVE_INFINITY ? null : claim.untilMs,
      isWinner: claim === winner,
      why: claim === winner ? whyWon(claim, verdict, timeMs) : isEligible ? whyLost(claim, winner, timeMs) : 'is found with one of its ports only',
    }
  })
  return [...explained.filter(({ isWinner }) => isWinner), ...explained.filter(({ isWinner }) => !isWinner)]
}

function whyWon(claim: Claim, verdict: ClaimRule['verdict'], timeMs: number): string {
  if (verdict === 'begins_soon') return `began ${claim.fromMs - timeMs} ms later, within the clock skew, and nobody had it before`
  if (verdict === 'ended_lately') return `ended ${timeMs - claim.untilMs} ms before, and nobody has had it since`
  return claim.terminatingMs <= timeMs ? 'had it at that time, while terminating' : 'had it at that time'
}

function whyLost(claim: Claim, winner: Claim | undefined, timeMs: number): string {
  if (claim.fromMs > timeMs) return `began ${claim.fromMs - timeMs} ms later`
  if (claim.untilMs <= timeMs) return `had ended ${timeMs - claim.untilMs} ms before`
  if (winner === undefined) return 'does not cover that time'
  if ((claim.flags & ClaimFlag.rank) !== (winner.flags & ClaimFlag.rank)) return 'another kind of object is preferred'
  if (claim.terminatingMs <= timeMs && winner.terminatingMs > timeMs) return 'was terminating'
  return claim.fromMs < winner.fromMs ? 'a newer one had taken over' : 'is equal; names decided'
}
