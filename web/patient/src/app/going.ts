/** Ways from page to page, by the pages' names. */
import Taro from '@tarojs/taro'

export const go = (page: string, query = ''): void =>
  void Taro.navigateTo({ url: `/pages/${page}/index${query && `?${query}`}` })

/** In place of the present page. */
export const goInstead = (page: string): void => void Taro.redirectTo({ url: `/pages/${page}/index` })

/** Back to one of these pages when it stands behind this one; else to the first of them. */
export function goBackTo(...pages: [string, ...string[]]): void {
  const behind = Taro.getCurrentPages().slice(-2, -1)[0] as { route?: string; path?: string } | undefined
  const path = behind?.route ?? behind?.path ?? ''
  if (pages.some((page) => path.includes(`pages/${page}/index`))) void Taro.navigateBack()
  else goInstead(pages[0])
}

export function goBackOr(page: string): void {
  if (Taro.getCurrentPages().length > 1) void Taro.navigateBack()
  else void Taro.reLaunch({ url: `/pages/${page}/index` })
}
