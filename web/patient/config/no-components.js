/** Stands where Taro's H5 component library would be: our pages use the browser's own elements. */
export function initVue3Components() {}
