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
import '../staff/staff.css'
import './doctor.css'
import { createApp } from 'vue'
import { markLanguage } from '../shared/words'
import DoctorPage from './DoctorPage.vue'

markLanguage('doctor.title')
createApp(DoctorPage).mount('#app')
