/** A no of the fake server, with everything that the real one says. */
export class Refused extends Error {
  constructor(status, code, { params = {}, field, retryAfter } = {}) {
    super(code)
    Object.assign(this, { status, code, params, field, retryAfter })
  }
}
export const refuse = (...why) => {
  throw new Refused(...why)
}
