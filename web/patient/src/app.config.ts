export default defineAppConfig({
  pages: ['pages/lines/index', 'pages/queue/index'],
  window: {
    navigationBarTitleText: '候诊',
    navigationBarBackgroundColor: '#f3f0e8',
    navigationBarTextStyle: 'black',
    backgroundColor: '#f3f0e8',
    backgroundTextStyle: 'light',
  },
})
