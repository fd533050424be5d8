module.exports = {
  presets: [
    [
      'taro',
      {
        framework: 'vue3',
        ts: true,
        compiler: 'webpack5',
        useBuiltIns: process.env.TARO_ENV === 'h5' ? 'usage' : false,
      },
    ],
  ],
}
