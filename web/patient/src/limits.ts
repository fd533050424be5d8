/** Every wait and bound of the patient app, by name. */
import { REAFFIRM_SECONDS, STALE_SECONDS } from './server-limits'

/** Nothing heard for this long: the page says so itself. */
export const STALE_AFTER_MS = STALE_SECONDS * 1000
/** A request to the server is given up after this. */
export const REQUEST_MS = 8_000
/** Pauses between tries to load a snapshot: doubled from the first to the last, with jitter. */
export const RETRY_FIRST_MS = 1_000
export const RETRY_LAST_MS = 15_000
/** A followed line that says nothing for about this long is asked: two reaffirmations were missed. */
export const QUIET_MS = 2 * REAFFIRM_SECONDS * 1000
/** When history is lost for everyone at once, the reloads are spread over this. */
export const RELOAD_SPREAD_MS = 1_500
/** A hidden browser tab keeps its socket this long; a mini-program gives it up at once. */
export const HIDDEN_TAB_MS = 20_000
/** Away longer than this, the socket is not trusted and is opened anew. */
export const TRUST_SOCKET_MS = 5_000
/** How often a ticket that is not on the board is asked about. */
export const ABSENT_ASK_MS = 60_000
/** The clock behind "3 seconds ago". */
export const TICK_MS = 1_000
/** The list of lines is reloaded this often while it is looked at. */
export const LIST_EVERY_MS = 20_000
/** Pages of the list that are followed, at most. */
export const LIST_PAGES = 10
/** A ticket number is not longer than this. */
export const TICKET_LENGTH = 12
/** An access token is renewed when it is good for less than this. */
export const RENEW_BEFORE_MS = 60_000
/** What a phone believes of a token's life, whatever its clock makes of it (the server: 15 minutes). */
export const ACCESS_LIFE_MIN_MS = 2 * 60_000
export const ACCESS_LIFE_MAX_MS = 15 * 60_000
/** A health card's code is not shown longer than this after a new one was due. */
export const CODE_TRUST_MS = 30_000
/** Pauses between tries to get a new code: doubled from the first to the last. */
export const CODE_RETRY_FIRST_MS = 1_000
export const CODE_RETRY_LAST_MS = 10_000
/** Revealed values are masked again after this. */
export const REVEALED_FOR_MS = 60_000
/** A swipe is at least this wide, in pixels, and twice as wide as it is high. */
export const SWIPE_PX = 60
/** A socket whose token was refused although the session stands is tried again after this. */
export const TOKEN_RETRY_MS = 5_000
/** A recording ends by itself after this; the server takes no more. */
export const RECORD_MS = 60_000
/** A file that is not up after this is begun anew. */
export const UPLOAD_MS = 180_000
/** How long the bytes of a saved document stay in the page, for the browser to take them. */
export const SAVED_MS = 10_000
/** Departments whose news are heard live; those of more are looked up when they are opened. */
export const ROOMS_MOST = 20
