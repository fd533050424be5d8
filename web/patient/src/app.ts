import './app/global-this'
import { createApp } from 'vue'
import { createServices, servicesKey } from './app/services'
import './app.scss'

const app = createApp({})
app.provide(servicesKey, createServices())

export default app
