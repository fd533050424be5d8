/// <reference types="@tarojs/taro" />

/** The server a mini-program talks to; empty in H5. Set by config/index.ts. */
declare const SERVER_ORIGIN: string

declare const process: {
  readonly env: { readonly TARO_ENV: 'h5' | 'weapp' | 'alipay'; readonly NODE_ENV: string }
}
