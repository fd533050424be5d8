/** The hospital's departments, as it lists them. */
import { listOf } from './account'
import { LIST_PAGES } from '../limits'
import { text } from '../queue/board'

export interface Department {
  readonly id: string
  readonly name: string
  readonly location: string
}

export interface DepartmentsApi {
  list(): Promise<Department[]>
}

export function departmentsApi(get: (path: string) => Promise<Record<string, unknown>>): DepartmentsApi {
  return {
    async list() {
      const found: Department[] = []
      let path = '/v1/departments?limit=200'
      for (let page = 0; page < LIST_PAGES; page++) {
        const body = await get(path)
        found.push(...listOf(body.items).map(read))
        const next = text(body.next)
        if (!next) break
        path = `/v1/departments?limit=200&cursor=${encodeURIComponent(next)}`
      }
      return found
    },
  }
}

const read = (value: Record<string, unknown>): Department => ({
  id: text(value.id),
  name: text(value.name),
  location: text(value.location),
})
