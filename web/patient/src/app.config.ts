export default defineAppConfig({
  pages: ['pages/lines/index', 'pages/queue/index'],
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
