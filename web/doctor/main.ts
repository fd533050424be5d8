import '../shared/theme.css'
import 'element-plus/es/components/base/style/css'
import 'element-plus/es/components/dialog/style/css'
import 'element-plus/es/components/form/style/css'
import 'element-plus/es/components/form-item/style/css'
import 'element-plus/es/components/input/style/css'
import 'element-plus/es/components/input-number/style/css'
import 'element-plus/es/components/option/style/css'
import 'element-plus/es/components/select/style/css'
import 'element-plus/es/components/switch/style/css'
import './doctor.css'
import { createApp } from 'vue'
import { takeToken } from '../shared/token'
import { markLanguage, say } from '../shared/words'
import DeskPage from './DeskPage.vue'

markLanguage('doctor.title')
const token = takeToken('houzhen.staff.token')
if (token) {
  createApp(DeskPage, { token }).mount('#app')
} else {
  const note = document.createElement('p')
  note.className = 'no-token'
  note.textContent = say('doctor.no_token')
  document.getElementById('app')?.append(note)
}
