/** The title of a page: of the browser's tab, and of a mini-program's bar. */
import Taro, { useDidShow } from '@tarojs/taro'
import { watch } from 'vue'
import type { Word } from '../words/say'
import { useServices } from './services'

export function useTitle(word: Word): void {
  const { manner } = useServices()
  const tell = () => void Taro.setNavigationBarTitle({ title: manner.say(word) })
  useDidShow(tell)
  watch(() => manner.language, tell)
}
