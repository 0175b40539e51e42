import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { TextOutput, type WriteBytes } from '../../../component/kit/text_output.ts'
import { fakeSettings } from '../../../test/fakes/settings.ts'
import { FileWriter, LineSink, StdoutWriter } from './line_sink.ts'
import { Attempts, plainDocument, requestOf } from './testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'emf-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const marks = (text: string) => text.split('\n').map((line) => (line === '' ? '' : (JSON.parse(line) as { mark: string }).mark))

test('standard output gets a line for each document, and a failure is tried again', async () => {
  const settings = fakeSettings('exporter', 'awsemf')
  let text = ''
  const errors: (NodeJS.ErrnoException | null)[] = [Object.assign(new Error('broken pipe'), { code: 'EPIPE' }), null]
  const write: WriteBytes = (_fd, bytes, offset, done) => {
    const error = errors.shift() ?? null
    if (error === null) text += Buffer.from(bytes.subarray(offset)).toString('utf8')
    done(error, error === null ? bytes.length - offset : 0)
  }
  const sink = new LineSink(settings, new StdoutWriter(settings.clock, new TextOutput(1, settings.clock, write)))
  await sink.start()
  const attempts = new Attempts(sink, requestOf({ one: [plainDocument(1, 'a', 2)], two: [plainDocument(2, 'b')] }))
  expect((await attempts.next())?.message).toBe('cannot write to standard output: broken pipe')
  expect(await attempts.next()).toBeUndefined()
  expect([marks(text), attempts.sent]).toEqual([['a', 'b', ''], 3])
  await sink.close()
})

test('a file is continued, and begun anew when it is full', async () => {
  const settings = fakeSettings('exporter', 'awsemf')
  const path = join(folder, 'metrics.log')
  const write = async (...given: readonly string[]): Promise<void> => {
    const sink = new LineSink(settings, new FileWriter({ path, bytesMax: 1000, backupsMax: 0, clock: settings.clock }))
    await sink.start()
    const attempts = given.map((mark) => new Attempts(sink, requestOf({ one: [plainDocument(1, mark)] })).next())
    expect(await Promise.all(attempts)).toEqual(given.map(() => undefined))
    await sink.close()
  }
  await write('a', 'b')
  await write('c')
  expect(marks(readFileSync(path, 'utf8'))).toEqual(['a', 'b', 'c', ''])
  await write('d'.repeat(900))
  expect(marks(readFileSync(path, 'utf8'))).toEqual(['d'.repeat(900), ''])
  expect(readdirSync(folder).length).toBe(2)
})

test('a file that cannot be opened is told at the start', async () => {
  const { clock, ...settings } = fakeSettings('exporter', 'awsemf')
  const sink = new LineSink({ ...settings, clock }, new FileWriter({ path: join(folder, 'missing', 'x.log'), bytesMax: 1000, backupsMax: 0, clock }))
  await expect(sink.start()).rejects.toThrow(/cannot open .*x\.log: the directory does not exist/)
})

test('what cannot be read from the queue is counted', async () => {
  const settings = fakeSettings('exporter', 'awsemf')
  const sink = new LineSink(settings, new FileWriter({ path: join(folder, 'empty.log'), bytesMax: 1000, backupsMax: 0, clock: settings.clock }))
  const attempts = new Attempts(sink, { signal: 'metrics', bytes: Buffer.from([7]), items: 3 })
  expect(await attempts.next()).toBeUndefined()
  expect([attempts.rejected, settings.telemetry.value('meshscope_awsemf_rejected_documents', { reason: 'damaged' })]).toEqual([3, 1])
})
