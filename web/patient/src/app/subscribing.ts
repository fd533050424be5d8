/** The host's own dialogue in which a person says what they want to be told. */
import Taro from '@tarojs/taro'
import type { NoticeChannel } from '../api/notices'
import { IN_BROWSER } from './platform'

declare const my: {
  requestSubscribeMessage(asked: {
    entityIds: string[]
    success: (told: { result?: { subscribeEntityIds?: string[] }; subscribeEntityIds?: string[] }) => void
    fail: () => void
  }): void
}

/** By which application of the hospital's this app is told. */
export const CHANNEL: NoticeChannel =
  process.env.TARO_ENV === 'weapp'
    ? 'wechat_mini'
    : process.env.TARO_ENV === 'alipay'
      ? 'alipay_mini'
      : 'wechat_page'

/** Whether the host asks by itself. A service account's followers are told without being asked. */
export const hostAsks = !IN_BROWSER

export interface Said {
  readonly accepted: readonly string[]
  readonly refused: readonly string[]
}

/** WeChat shows at most three templates at once. */
const AT_ONCE = 3

/** Ask; call it from a tap, or the host refuses. Whatever fails counts as nothing said. */
export async function askToTell(templates: readonly string[]): Promise<Said> {
  const asked = templates.slice(0, AT_ONCE)
  if (asked.length === 0 || IN_BROWSER) return { accepted: [], refused: [] }
  if (process.env.TARO_ENV === 'alipay') return askAlipay(asked)
  const told = (await Taro.requestSubscribeMessage({ tmplIds: [...asked], entityIds: [] }).catch(
    () => ({}),
  )) as unknown as Record<string, unknown>
  return {
    accepted: asked.filter((each) => told[each] === 'accept'),
    refused: asked.filter((each) => told[each] === 'reject' || told[each] === 'ban'),
  }
}

const askAlipay = (asked: readonly string[]): Promise<Said> =>
  new Promise((said) =>
    my.requestSubscribeMessage({
      entityIds: [...asked],
      success: (told) => {
        const yes = told.result?.subscribeEntityIds ?? told.subscribeEntityIds ?? []
        said({ accepted: asked.filter((each) => yes.includes(each)), refused: [] })
      },
      fail: () => said({ accepted: [], refused: [] }),
    }),
  )
