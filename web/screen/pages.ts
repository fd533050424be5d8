/** Turning pages when the lines exceed the screen. Pure. */

export const PAGE_SECONDS = 10

/** Split into as few pages as fit, as evenly as possible: 9 rows of which 8 fit are 5 and 4, not 8 and 1. */
export function paginate<Item>(items: readonly Item[], fit: number): Item[][] {
  const rows = Math.max(1, fit)
  const count = Math.max(1, Math.ceil(items.length / rows))
  const size = Math.ceil(items.length / count)
  const pages: Item[][] = []
  for (let page = 0; page < count; page++) pages.push(items.slice(page * size, (page + 1) * size))
  return pages
}

/** The page that holds what `wanted` finds, or null. */
export function pageOf<Item>(pages: readonly Item[][], wanted: (item: Item) => boolean): number | null {
  const found = pages.findIndex((page) => page.some(wanted))
  return found < 0 ? null : found
}
