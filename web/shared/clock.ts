/** The hospital's time, told by the server: a box on a wall may believe it is 1970. */

export interface WallTime {
  year: number
  month: number
  day: number
  /** 0 is Sunday */
  weekday: number
  hour: number
  minute: number
  second: number
}

/** The minutes an RFC 3339 time lies ahead of UTC. */
export function offsetMinutes(time: string): number {
  const match = /([+-])(\d\d):(\d\d)$/.exec(time)
  if (!match) return 0
  const minutes = Number(match[2]) * 60 + Number(match[3])
  return match[1] === '-' ? -minutes : minutes
}

export function wallTime(milliseconds: number, offset: number): WallTime {
  const at = new Date(milliseconds + offset * 60_000)
  return {
    year: at.getUTCFullYear(),
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    weekday: at.getUTCDay(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
  }
}

const two = (value: number): string => (value < 10 ? `0${value}` : `${value}`)

export const hourMinute = (at: WallTime): string => `${two(at.hour)}:${two(at.minute)}`
export const isoDay = (at: WallTime): string => `${at.year}-${two(at.month)}-${two(at.day)}`

/**
 * Runs from the last server time heard, by a steady counter that a corrected box clock cannot move.
 *
 * Until the server has spoken it shows the box's own time in the box's own zone.
 */
export class ServerClock {
  private base: number
  private readAt: number
  private offset: number

  constructor(
    private readonly steady: () => number = () => performance.now(),
    boxTime: number = Date.now(),
    boxOffset: number = -new Date().getTimezoneOffset(),
  ) {
    this.base = boxTime
    this.readAt = steady()
    this.offset = boxOffset
  }

  /** Take a time the server sent; `travel` is how many milliseconds its answer took in all. */
  hear(serverTime: string, travel = 0): void {
    const told = Date.parse(serverTime)
    if (isNaN(told)) return
    this.base = told + travel / 2
    this.readAt = this.steady()
    this.offset = offsetMinutes(serverTime)
  }

  now(): number {
    return this.base + (this.steady() - this.readAt)
  }

  wall(): WallTime {
    return wallTime(this.now(), this.offset)
  }

  /** The wall time of an RFC 3339 time, in the hospital's zone. */
  wallOf(time: string): WallTime {
    return wallTime(Date.parse(time), this.offset)
  }
}
