/** How a place in the line is put into words: a headline, a line below it, minutes, and what to do. Pure. */
import type { Board } from '../queue/board'
import type { Fate } from '../queue/fate'
import type { Place } from '../queue/place'
import type { Params, Word } from './say'

export interface Phrase {
  readonly word: Word
  readonly params?: Params
}

/** How the card looks: one tone per thing the person has to do. */
export type Tone = 'waiting' | 'ready' | 'called' | 'in_service' | 'act' | 'held' | 'over'

export interface PlaceWords {
  readonly tone: Tone
  readonly head: Phrase
  readonly note: Phrase | null
  readonly advice: Phrase
}

/** What is said besides the board: what became of a lost ticket, and whether the phone still hears the line. */
export interface Hearsay {
  readonly fate: Fate | null
  readonly silent: boolean
}

export function wordsFor(board: Board, place: Place, ticket: string, { fate, silent }: Hearsay): PlaceWords {
  switch (place.kind) {
    case 'called': {
      const { roomName: room, call } = place.calling
      const note: Phrase =
        call > 1 ? { word: 'place.called.again', params: { n: call } } : { word: 'place.called.note' }
      return {
        tone: 'called',
        head: { word: 'place.called.head', params: { room } },
        note,
        advice: { word: 'place.called.advice' },
      }
    }
    case 'in_service':
      return {
        tone: 'in_service',
        head: { word: 'place.in_service.head' },
        note: { word: 'place.in_service.note', params: { room: place.calling.roomName } },
        advice: { word: 'place.in_service.advice' },
      }
    case 'waiting':
      return {
        tone: 'waiting',
        head: aheadIn('place.waiting.next', 'place.waiting.head', place.ahead),
        note: minutesIn(board, place, silent),
        advice: { word: 'place.waiting.advice' },
      }
    case 'ready':
      return {
        tone: 'ready',
        head: { word: 'place.ready.head' },
        note: minutesIn(board, place, silent),
        advice: { word: 'place.ready.advice' },
      }
    case 'passed':
      return plain('act', 'place.passed')
    case 'suspended':
      return plain('held', 'place.suspended')
    case 'away':
      return plain('held', 'place.away')
    case 'unknown':
      return plain('act', 'place.unknown')
    case 'absent':
      return absentIn(ticket, fate)
  }
}

/** How many are ahead of someone who is told to wait by the room. */
export function readyAhead(place: Place): Phrase | null {
  return place.kind === 'ready' ? aheadIn('place.ready.next', 'place.ready.ahead', place.ahead) : null
}

const aheadIn = (next: Word, some: Word, ahead: number): Phrase =>
  ahead === 0 ? { word: next } : { word: some, params: { n: ahead } }

function absentIn(ticket: string, fate: Fate | null): PlaceWords {
  if (fate === null || fate === 'moving') return plain('held', 'place.absent')
  const tone: Tone =
    fate === 'done'
      ? 'over'
      : fate === 'booked' || fate === 'no_show' || fate === 'not_found'
        ? 'act'
        : 'held'
  return plain(tone, `fate.${fate}`, { ticket })
}

type Stem = Word extends infer W ? (W extends `${infer S}.advice` ? S : never) : never

const plain = (tone: Tone, stem: Stem, params: Params = {}): PlaceWords => ({
  tone,
  head: { word: `${stem}.head` as Word, params },
  note: { word: `${stem}.note` as Word, params },
  advice: { word: `${stem}.advice` as Word, params },
})

/** The wait as a range; where there is none, why there is none. */
function minutesIn(board: Board, place: Extract<Place, { ahead: number }>, silent: boolean): Phrase {
  if (silent) return { word: 'minutes.not_heard' }
  if (board.open !== 'open') return { word: 'minutes.not_open' }
  if (!board.fresh) return { word: 'minutes.not_confirmed' }
  if (place.minutes === null) return { word: 'minutes.no_history' }
  const { low, high } = place.minutes
  if (high <= 1) return { word: 'minutes.soon' }
  if (low === 0) return { word: 'minutes.under', params: { high } }
  if (low === high) return { word: 'minutes.exact', params: { high } }
  return { word: 'minutes.range', params: { low, high } }
}
