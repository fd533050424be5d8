// No polyfills by usage: they cost 80 KB. The app keeps to what Chrome 64 and iOS 11 have (see app/global-this.ts).
module.exports = {
  presets: [['taro', { framework: 'vue3', ts: true, compiler: 'webpack5', useBuiltIns: false }]],
}
