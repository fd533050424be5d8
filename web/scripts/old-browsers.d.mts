export function strangeScript(source: string): string[]
export function strangeStyle(source: string): string[]
