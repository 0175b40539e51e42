import type { Component, Settings } from '../../component/component.ts'
import type { IngestHalf, IngestLink } from '../../component/link.ts'
import type { IdentityHandles } from '../../model/identity/handles.ts'
import { SharedIdentityIndex } from '../../model/identity/shared_index.ts'
import { LookupCounters } from './lookup_counters.ts'
import { OldMemory } from './old_memory.ts'

/** Says that an ingest half is there and wants the handles of the index. */
export interface Hello {
  readonly type: 'hello'
}

/**
 * The extension in an ingest worker: a view of the index in shared memory for the components of this thread. It knows
 * nothing until the main half has answered the hello, which comes before anything is looked up in practice.
 */
export class K8sMetadataIngest implements Component, IngestHalf<IdentityHandles> {
  readonly shared = new SharedIdentityIndex()
  readonly #settings: Settings
  readonly #counters: LookupCounters
  readonly #link: IngestLink<Hello>
  readonly #oldMemory: OldMemory

  constructor(settings: Settings, link: IngestLink<Hello>) {
    this.#settings = settings
    this.#link = link
    this.#oldMemory = new OldMemory(settings.clock)
    this.#counters = new LookupCounters(this.shared, settings.telemetry, settings.id.text)
  }

  start(): void {
    this.#counters.start(this.#settings.clock)
    this.#link.send({ type: 'hello' })
  }

  receive(handles: IdentityHandles): void {
    this.shared.attach(handles)
    this.#oldMemory.replaced(handles)
  }

  shutdown(): void {
    this.#counters.stop()
    this.#oldMemory.stop()
  }
}
