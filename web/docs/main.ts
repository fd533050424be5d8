import '../shared/theme.css'
import { createApp } from 'vue'
import { markLanguage } from '../shared/words'
import DocsPage from './DocsPage.vue'

markLanguage('docs.title')
createApp(DocsPage).mount('#app')
