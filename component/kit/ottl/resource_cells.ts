import type { Resource } from '../../../model/attributes.ts'
import type { ResourceCell } from './item.ts'

/** The resources of one batch while statements run: groups that had the same resource object share a cell, and so have the same one after. */
export class ResourceCells {
  readonly #cells = new Map<Resource, ResourceCell>()

  of(resource: Resource): ResourceCell {
    let cell = this.#cells.get(resource)
    if (cell === undefined) {
      cell = { resource }
      this.#cells.set(resource, cell)
    }
    return cell
  }

  all(): Iterable<ResourceCell> {
    return this.#cells.values()
  }
}
