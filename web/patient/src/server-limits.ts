/** Bounds that pages share with the server. Written by `run.py schema` from core/limits.py. */

/** A line of which nothing was heard for longer is shown with its age. */
export const STALE_SECONDS = 45
/** The server tells every line again, changed or not, about this often. */
export const REAFFIRM_SECONDS = 15
