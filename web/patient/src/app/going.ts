/** Ways from page to page, by the pages' names. */
import Taro from '@tarojs/taro'

export const go = (page: string, query = ''): void =>
  void Taro.navigateTo({ url: `/pages/${page}/index${query && `?${query}`}` })

/** In place of the present page. */
export const goInstead = (page: string): void => void Taro.redirectTo({ url: `/pages/${page}/index` })

export function goBackOr(page: string): void {
  if (Taro.getCurrentPages().length > 1) void Taro.navigateBack()
  else void Taro.reLaunch({ url: `/pages/${page}/index` })
}
