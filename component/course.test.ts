import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Course, type CourseInput, courseOf, crossingOf, hasIngestHalf } from './course.ts'
import { type ConnectorFactory, defineConnector, defineExporter, defineProcessor, type ExporterFactory, type ProcessorFactory } from './factory.ts'

function notCreated(): never {
  throw new Error('BUG: nothing is created here')
}

const common = { type: 'fake', description: 'Fake.', config: { schema: { type: 'object', additionalProperties: false, properties: {} } } } as const
const base = { ...common, stability: { logs: 'alpha' } } as const
const logs = { logs: notCreated }

const processors = {
  ingest: defineProcessor({ ...base, runs: 'ingest', create: logs }),
  main: defineProcessor({ ...base, runs: 'main', create: logs }),
  crossing: defineProcessor({ ...base, runs: 'main', turns: 'access_logs_into_records', create: logs, ingest: logs }),
  summary: defineProcessor({ ...base, runs: 'main', create: logs, ingest: logs }),
  reader: defineProcessor({ ...base, runs: 'ingest', turns: 'records_into_access_logs', create: logs }),
  unknown: undefined,
} satisfies Record<string, ProcessorFactory | undefined>
const connector = { ...common, from: 'logs', to: 'metrics', stability: 'alpha', main: notCreated } as const
const exporters = {
  split: defineExporter({ ...base, ingest: logs, main: notCreated }),
  main: defineExporter({ ...base, main: notCreated }),
  splitConnector: defineConnector({ ...connector, ingest: notCreated }),
  mainConnector: defineConnector(connector),
  unknown: undefined,
} satisfies Record<string, ConnectorFactory | ExporterFactory | undefined>

const input = fc.record<CourseInput>({
  signal: fc.constant('logs'),
  processors: fc.array(fc.constantFrom(...Object.values(processors)), { maxLength: 6 }),
  exporters: fc.array(fc.constantFrom(...Object.values(exporters)), { minLength: 1, maxLength: 5 }),
  crossing: fc.constantFrom(processors.crossing, undefined),
})
const from = fc.constantFrom('ingest', 'main')

/** Follows the data; says of every step, and of the way before the last one and after all, whether it may be access logs there. */
function accessLogsOn({ steps }: Course, { processors: named }: CourseInput, start: 'ingest' | 'main'): boolean[] {
  let mayBe = start === 'ingest'
  const before = steps.map(({ processor, place }) => {
    const was = mayBe
    const turns = processor === undefined ? 'access_logs_into_records' : named[processor]?.turns
    if (place === 'crossing' || turns === 'access_logs_into_records') mayBe = false
    if (turns === 'records_into_access_logs') mayBe = true
    return was
  })
  return [...before, mayBe]
}

describe('the course of data through a pipeline', () => {
  test('passes every processor in order, and leaves the workers once', () => {
    fc.assert(
      fc.property(input, from, (pipeline, start) => {
        const course = courseOf(pipeline, start)
        const passed = course.steps.flatMap(({ processor }) => processor ?? [])
        const isStuck = course.stuck.processors.length > 0
        expect(passed).toEqual([...pipeline.processors.keys()].slice(0, isStuck ? (course.stuck.processors[0] as number) : undefined))
        const places = course.steps.map(({ place }) => place)
        expect(places.join(' ')).toMatch(start === 'main' ? /^(?:main ?)*$/ : /^(?:ingest ?)*(?:crossing ?(?:main ?)*)?$/)
      }),
    )
  })

  test('reaches every exporter once, or says that it cannot', () => {
    fc.assert(
      fc.property(input, from, (pipeline, start) => {
        const { early, late, stuck, steps } = courseOf(pipeline, start)
        const all = [...pipeline.exporters.keys()]
        if (stuck.processors.length + stuck.exporters.length > 0) {
          expect(pipeline.crossing).toBeUndefined()
          expect(start).toBe('ingest')
          expect([...early, ...late]).toEqual([])
        } else expect([...early, ...late].sort((a, b) => a - b)).toEqual(all)
        if (early.length > 0) expect(steps.at(-1)).toMatchObject({ before: pipeline.processors.length })
      }),
    )
  })

  test('keeps access logs from what takes records, and from the main thread unless they were made there', () => {
    fc.assert(
      fc.property(input, from, (pipeline, start) => {
        const course = courseOf(pipeline, start)
        const mayBe = accessLogsOn(course, pipeline, start)
        for (const [i, { processor, place }] of course.steps.entries()) {
          const factory = processor === undefined ? undefined : pipeline.processors[processor]
          const takesRecords = factory?.runs === 'main' && factory.ingest === undefined
          if (takesRecords) expect([place, mayBe[i]]).toEqual(['main', pipeline.crossing === undefined && mayBe[i]])
        }
        if (pipeline.crossing === undefined) return
        for (const i of course.late) {
          const factory = pipeline.exporters[i]
          if (mayBe.at(-1) === true) expect(factory === undefined || (hasIngestHalf(factory, 'logs') && takesAt(factory, course.places.late))).toBe(true)
        }
        for (const i of course.early) expect(takesAt(pipeline.exporters[i], course.places.early)).toBe(true)
      }),
    )
  })

  test('inserts nothing that is not needed', () => {
    const course = (named: (keyof typeof processors)[], to: (keyof typeof exporters)[], start: 'ingest' | 'main'): Course =>
      courseOf(
        { signal: 'logs', processors: named.map((name) => processors[name]), exporters: to.map((name) => exporters[name]), crossing: processors.crossing },
        start,
      )
    const inserted = ({ steps }: Course): number => steps.filter(({ processor }) => processor === undefined).length
    expect(inserted(course(['ingest'], ['split', 'splitConnector'], 'ingest'))).toBe(0)
    expect(inserted(course(['ingest', 'crossing', 'main'], ['main', 'split'], 'ingest'))).toBe(0)
    expect(inserted(course(['summary', 'main'], ['main'], 'ingest'))).toBe(0)
    expect(inserted(course(['ingest', 'main'], ['main', 'split', 'mainConnector'], 'main'))).toBe(0)
    expect(inserted(course(['reader', 'main', 'ingest', 'reader'], ['splitConnector', 'main'], 'main'))).toBe(2)
  })
})

/** On the main thread exporters have one half, which takes records. */
function takesAt(factory: CourseInput['exporters'][number], place: 'ingest' | 'main'): boolean {
  return factory === undefined || place === 'ingest' || factory.kind === 'connector'
}

test('the crossing is the processor with two halves that turns access logs into records', () => {
  const half = { ...processors.crossing, ingest: undefined } as unknown as ProcessorFactory
  expect(crossingOf([exporters.main, processors.summary, half, processors.crossing])).toBe(processors.crossing)
  expect(crossingOf([exporters.main, processors.summary, half])).toBeUndefined()
})
