/** Stands where Taro's H5 component library would be: our pages use the browser's own elements, and no tab bar. */
const none = () => undefined

export const initVue3Components = none
export const defineCustomElementTaroTabbar = none
export const defineCustomElementTaroPullToRefreshCore = none
export const defineCustomElementTaroSwiperCore = none
export const defineCustomElementTaroSwiperItemCore = none
export const defineCustomElement = none
export const createEvents = none
