import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { gzip, SharedBody } from './shared_body.ts'

/** Chunks of one MiB that begin with their number; notes what was produced and whether it was stopped. */
class Source {
  produced = 0
  isStopped = false

  async *chunks(count: number): AsyncGenerator<Buffer, void, void> {
    try {
      while (this.produced < count) yield Buffer.alloc(1 << 20, this.produced++)
    } finally {
      this.isStopped = true
    }
  }
}

async function numbers(body: AsyncGenerator<Buffer, void, void>): Promise<number[]> {
  const read: number[] = []
  for await (const chunk of body) read.push(chunk[0] as number)
  return read
}

describe('SharedBody', () => {
  it('gives every reader all of it from one production', async () => {
    const source = new Source()
    const body = new SharedBody(source.chunks(6))
    expect(await Promise.all([numbers(body.read()), numbers(body.read())])).toEqual([
      [0, 1, 2, 3, 4, 5],
      [0, 1, 2, 3, 4, 5],
    ])
    expect(source.produced).toBe(6)
  })

  it('produces only what the fastest reader asks for', async () => {
    const source = new Source()
    const reader = new SharedBody(source.chunks(6)).read()
    await reader.next()
    await reader.next()
    expect(source.produced).toBe(2)
    await reader.return()
  })

  it('recycles chunks once, when all readers are through with them', async () => {
    const recycled: number[] = []
    const body = new SharedBody(new Source().chunks(5), (chunk) => recycled.push(chunk[0] as number))
    const [fast, slow] = [body.read(), body.read()]
    await slow.next()
    expect(await numbers(fast)).toEqual([0, 1, 2, 3, 4])
    expect(recycled).toEqual([])
    expect(await numbers(slow)).toEqual([1, 2, 3, 4])
    expect(recycled).toEqual([0, 1, 2, 3, 4])
  })

  it('can be joined until something has been let go', async () => {
    const body = new SharedBody(new Source().chunks(6))
    const reader = body.read()
    for (let n = 0; n < 3; n++) await reader.next()
    expect(body.isJoinable).toBe(true)
    await reader.next()
    expect(body.isJoinable).toBe(false)
    await reader.return()
  })

  it('stops producing when the last reader leaves, and recycles nothing that a connection may still hold', async () => {
    const source = new Source()
    const recycled: Buffer[] = []
    const body = new SharedBody(source.chunks(6), (chunk) => recycled.push(chunk))
    const reader = body.read()
    await reader.next()
    await reader.return()
    expect([source.isStopped, source.produced, body.isJoinable, recycled.length]).toEqual([true, 1, false, 0])
  })

  it('fails every reader when the production fails', async () => {
    async function* failing(): AsyncGenerator<Buffer, void, void> {
      yield Buffer.from('a')
      throw new Error('boom')
    }
    const body = new SharedBody(failing())
    const outcomes = await Promise.allSettled([numbers(body.read()), numbers(body.read())])
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.reason as Error).message)).toEqual(['boom', 'boom'])
  })
})

describe('gzip', () => {
  it('compresses all of it', async () => {
    const chunks: Buffer[] = []
    for await (const chunk of gzip(new Source().chunks(3))) chunks.push(Buffer.from(chunk))
    expect(gunzipSync(Buffer.concat(chunks)).length).toBe(3 << 20)
  })

  it('stops its source when the reader leaves', async () => {
    const source = new Source()
    const zipped = gzip(source.chunks(1000))
    await zipped.next()
    await zipped.return()
    await expect.poll(() => source.isStopped).toBe(true)
    expect(source.produced).toBeLessThan(1000)
  })
})
