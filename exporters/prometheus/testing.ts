import { TimeSlices } from '../../lib/time_slices.ts'
import { FakeClock } from '../../test/fakes/clock.ts'
import { Catalog, type CatalogSettings } from './catalog.ts'
import { ChunkPool } from './chunk_writer.ts'
import { type RenderOptions, render } from './render.ts'

/** A catalog with usual settings that nothing ever expires in. */
export function newCatalog(settings: Partial<CatalogSettings> = {}): Catalog {
  return new Catalog({
    namespace: '',
    addsSuffixes: true,
    constLabels: {},
    hasScopeInfo: true,
    isResourceLabel: () => false,
    seriesMax: 1000,
    expirationMs: 0,
    clock: new FakeClock(),
    rejected: () => {},
    dropped: () => {},
    helpConflict: () => {},
    ...settings,
  })
}

/** What a scrape of a catalog gives. */
export async function textOf(catalog: Catalog, options: Partial<RenderOptions> = {}): Promise<string> {
  const all: RenderOptions = { format: 'text', sendsTimestamps: false, sendsCreated: true, targetName: 'target_info', ...options }
  const chunks: Buffer[] = []
  for await (const chunk of render(await catalog.serve(new TimeSlices()), all, { series: 0, bytes: 0 }, new ChunkPool())) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}
