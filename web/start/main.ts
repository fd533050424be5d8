import '../shared/old-browsers'
import '../shared/theme.css'
import { createApp } from 'vue'
import { markLanguage } from '../shared/words'
import StartPage from './StartPage.vue'

markLanguage('start.title')
createApp(StartPage).mount('#app')
