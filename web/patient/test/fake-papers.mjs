/** Invented texts, masks and a picture of a code for the fake server. */
export const CONSENTS = [
  {
    kind: 'terms',
    version: '2026-11',
    title: '服务条款',
    required: true,
    text: '# 一、我们提供什么\n候诊、就诊人管理、电子健康卡出示。\n\n# 二、您的责任\n请如实填写就诊人信息。不要为号贩子或他人冒用身份提供便利。\n\n# 三、变更\n条款更新时，会再次请您阅读。',
  },
  {
    kind: 'privacy',
    version: '2026-11',
    title: '隐私政策',
    required: true,
    text: '# 一、我们收集什么\n手机号、微信或支付宝的用户标识、您填写的就诊人信息。\n\n# 二、用来做什么\n只用于挂号、候诊、就诊和健康卡，不用于广告。\n\n# 三、您的权利\n您可以查看、导出、更正、删除，也可以随时撤回同意。',
  },
  {
    kind: 'sensitive_health',
    version: '2026-11',
    title: '敏感个人信息处理同意书',
    required: false,
    text: '# 处理什么\n证件号码、健康卡、就诊记录和未满十四周岁儿童的信息。\n\n# 为什么必要\n医院实名就诊和电子健康卡需要核验身份。\n\n# 怎样保护\n加密保存，每次查看完整信息都留下记录。',
  },
]

export const masked = {
  name: (name) => name.slice(0, 1) + '*'.repeat(Math.max(1, name.length - 1)),
  id: (number) => number.slice(0, 3) + '*'.repeat(Math.max(0, number.length - 7)) + number.slice(-4),
  phone: (phone) => `${phone.slice(0, 3)}****${phone.slice(-4)}`,
  born: ({ id_kind, id_number, birth_date }) =>
    id_kind === 'cn_id' ? id_number.replace(/^.{6}(....)(..)(..).*/, '$1-$2-$3') : (birth_date ?? ''),
  sex: ({ id_kind, id_number, sex }) =>
    id_kind === 'cn_id' ? (Number(id_number[16]) % 2 ? 'male' : 'female') : sex,
}

/** Something that looks like the code of a text; no scanner reads it. */
export function fakeCode(text) {
  const cells = []
  let seed = [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7)
  for (let y = 0; y < 33; y++)
    for (let x = 0; x < 33; x++) {
      seed = (seed * 1664525 + 1013904223) >>> 0
      if (corner(x, y) ?? seed >>> 31) cells.push(`M${x} ${y}h1v1h-1z`)
    }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 -2 37 37" shape-rendering="crispEdges"><path fill="#fff" d="M-2-2h37v37H-2z"/><path d="${cells.join('')}"/></svg>`
  return { text, svg }
}

/** The three squares in the corners; `undefined` elsewhere. */
function corner(x, y) {
  for (const [left, top] of [
    [0, 0],
    [26, 0],
    [0, 26],
  ]) {
    const [dx, dy] = [x - left, y - top]
    if (dx < -1 || dy < -1 || dx > 7 || dy > 7) continue
    const ring = Math.max(Math.abs(dx - 3), Math.abs(dy - 3))
    return ring !== 2 && ring !== 4
  }
  return undefined
}
