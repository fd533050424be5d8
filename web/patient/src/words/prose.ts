/** A long text in paragraphs: blank lines part them, a line that begins with `#` is a heading. Of Markdown no more. Pure. */
export interface Paragraph {
  readonly head: boolean
  readonly text: string
}

/** `title`: stands above already, and is left out where the text begins with it. */
export function paragraphsOf(text: string, title = ''): Paragraph[] {
  const paragraphs: Paragraph[] = []
  let gathered: string[] = []
  const end = () => {
    if (gathered.length > 0) paragraphs.push({ head: false, text: gathered.join('\n') })
    gathered = []
  }
  for (const line of text.split('\n').map((each) => each.replace(/\*\*/g, '').trim())) {
    if (line === '' || line.startsWith('#')) end()
    if (line.startsWith('#')) paragraphs.push({ head: true, text: line.replace(/^#+\s*/, '') })
    else if (line !== '') gathered.push(line)
  }
  end()
  if (paragraphs[0]?.head && paragraphs[0].text === title) paragraphs.shift()
  return paragraphs
}
