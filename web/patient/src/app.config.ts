const PAGES = [
  'lines',
  'queue',
  'consult',
  'ask',
  'chat',
  'sign-in',
  'patients',
  'patient',
  'patient-new',
  'card',
  'me',
  'ways',
  'sessions',
  'notices',
  'news',
  'consents',
  'consent',
  'close',
]

export default defineAppConfig({
  pages: PAGES.map((page) => `pages/${page}/index`),
  window: {
    navigationBarTitleText: '候诊',
    navigationBarBackgroundColor: '#f3f0e8',
    navigationBarTextStyle: 'black',
    backgroundColor: '#f3f0e8',
    backgroundTextStyle: 'light',
  },
  // In a browser the document scrolls, as people and screen readers expect; sliding pages would forbid that.
  ...(process.env.TARO_ENV === 'h5' ? { animation: false } : {}),
})
