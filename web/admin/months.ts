/** Which months a review may be of. Pure. */

const YEAR = 12

function named(year: number, month: number): string {
  return `${year}-${String(month + 1).padStart(2, '0')}`
}

/** The month before the one it is. */
export function lastMonth(now: Date): string {
  const before = new Date(now.getFullYear(), now.getMonth() - 1, 1)
  return named(before.getFullYear(), before.getMonth())
}

/** This month and a year back, the newest first. */
export function monthsToReview(now: Date): string[] {
  return Array.from({ length: YEAR + 1 }, (_, back) => {
    const month = new Date(now.getFullYear(), now.getMonth() - back, 1)
    return named(month.getFullYear(), month.getMonth())
  })
}
