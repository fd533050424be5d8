import '../shared/old-browsers'
import '../shared/theme.css'
import './screen.css'
import { createApp } from 'vue'
import { chooseLang, lang, markLanguage } from '../shared/words'
import { takeToken } from '../shared/token'
import ScreenPage from './ScreenPage.vue'

const id = decodeURIComponent(/\/screen\/([^/]+)/.exec(location.pathname)?.[1] ?? '')
// a screen speaks to the hall, not to whoever set up its box: Chinese unless its address asks otherwise
lang.value = chooseLang(location.search, [])
markLanguage('screen.title')
createApp(ScreenPage, { id, token: takeToken(`houzhen.screen.${id}.token`) }).mount('#app')
