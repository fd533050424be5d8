/** One HTTP request, over a browser's XMLHttpRequest or over the host of a mini-program. */
import Taro from '@tarojs/taro'
import { Unreachable } from '../api/ask'
import type { Answer, Ask, Question } from '../api/ask'
import { REQUEST_MS } from '../limits'

export const askOver = (origin: () => string, inBrowser: boolean): Ask =>
  inBrowser ? browserAsk(origin) : miniAsk(origin)

const headersOf = ({ body, headers }: Question): Record<string, string> => ({
  Accept: 'application/json',
  ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
  ...headers,
})

/** Not `Taro.request`: in a browser it throws the body of every refusal away. */
const browserAsk =
  (origin: () => string): Ask =>
  (question) =>
    new Promise((answered, lost) => {
      const request = new XMLHttpRequest()
      request.open(question.method, origin() + question.path)
      request.timeout = REQUEST_MS
      for (const [name, value] of Object.entries(headersOf(question))) request.setRequestHeader(name, value)
      request.onload = () =>
        answered({
          status: request.status,
          body: decoded(request.responseText),
          retryAfter: secondsIn(request.getResponseHeader('Retry-After')),
        })
      request.onerror = request.ontimeout = request.onabort = () => lost(new Unreachable())
      request.send(question.body === undefined ? null : JSON.stringify(question.body))
    })

const miniAsk =
  (origin: () => string): Ask =>
  async (question) => {
    try {
      const answer = await Taro.request({
        url: origin() + question.path,
        method: question.method,
        timeout: REQUEST_MS,
        header: headersOf(question),
        ...(question.body === undefined ? {} : { data: JSON.stringify(question.body) }),
        dataType: 'json',
      })
      return answerOf(answer.statusCode, answer.data, answer.header as Headers)
    } catch (failure) {
      // Alipay calls every status from 400 on a failure (error 19) and hands the answer over as its reason.
      const { status, data, headers } = (failure ?? {}) as {
        status?: unknown
        data?: unknown
        headers?: Headers
      }
      if (typeof status === 'number' && status >= 400) return answerOf(status, data, headers)
      throw new Unreachable()
    }
  }

type Headers = Readonly<Record<string, string>> | undefined

const answerOf = (status: number, data: unknown, headers: Headers): Answer => {
  const name = Object.keys(headers ?? {}).find((each) => each.toLowerCase() === 'retry-after')
  return {
    status,
    body: typeof data === 'string' ? decoded(data) : data,
    retryAfter: secondsIn(name ? headers![name] : null),
  }
}

function decoded(body: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    return null
  }
}

function secondsIn(header: unknown): number | null {
  const seconds = Number(header)
  return header && Number.isFinite(seconds) ? seconds : null
}
