/** The short word beside a ticket that goes before others: who waits may see why. */
import type { NamedNumber } from '../shared/contract'
import { sayCode } from '../shared/words'

export function label(ticket: NamedNumber): string {
  return !ticket.priority || ticket.priority === 'none' ? '' : sayCode('label', ticket.priority)
}
