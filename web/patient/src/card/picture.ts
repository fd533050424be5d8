/** An SVG text as the address of an image. Mini-programs know no `btoa`. Pure. */
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

export const svgAddress = (svg: string): string => `data:image/svg+xml;base64,${base64(utf8(svg))}`

export function base64(bytes: readonly number[]): string {
  let written = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second = 0, third = 0] = bytes.slice(at, at + 3)
    const group = (first << 16) | (second << 8) | third
    written += LETTERS[group >> 18]! + LETTERS[(group >> 12) & 63]!
    written += at + 1 < bytes.length ? LETTERS[(group >> 6) & 63]! : '='
    written += at + 2 < bytes.length ? LETTERS[group & 63]! : '='
  }
  return written
}

const utf8 = (text: string): number[] =>
  Array.from(unescapedBytes(encodeURIComponent(text)), (byte) => byte.charCodeAt(0))

const unescapedBytes = (escaped: string): string =>
  escaped.replace(/%([0-9A-F]{2})/g, (_, byte: string) => String.fromCharCode(parseInt(byte, 16)))
