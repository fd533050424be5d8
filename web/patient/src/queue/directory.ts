/** The lines of the hospital, by department, narrowed by what was typed. Pure. */
import type { LineItem } from '../api/lines'

export interface Department {
  readonly name: string
  readonly lines: readonly LineItem[]
}

/** Departments in the server's order; within one, the server's order of lines. */
export function byDepartment(lines: readonly LineItem[], typed: string): Department[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  const departments = new Map<string, LineItem[]>()
  for (const line of lines) {
    if (!words.every((word) => searched(line).includes(word))) continue
    const held = departments.get(line.department)
    if (held) held.push(line)
    else departments.set(line.department, [line])
  }
  return [...departments].map(([name, members]) => ({ name, lines: members }))
}

const searched = (line: LineItem): string =>
  [line.id, line.name, line.department, line.doctor, ...line.rooms].join(' ').toLowerCase()

/** The line's name where the department already stands above it. */
export function nameWithin(line: LineItem): string {
  const rest = line.name.startsWith(line.department) ? line.name.slice(line.department.length).trim() : ''
  return rest || line.name
}
