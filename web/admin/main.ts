import '../shared/theme.css'
import 'element-plus/es/components/base/style/css'
import 'element-plus/es/components/dialog/style/css'
import 'element-plus/es/components/option/style/css'
import 'element-plus/es/components/select/style/css'
import '../staff/staff.css'
import './admin.css'
import { createApp } from 'vue'
import AdminPage from './AdminPage.vue'
import { lang, say } from './words'

document.documentElement.lang = lang.value
document.title = say('title')
createApp(AdminPage).mount('#app')
