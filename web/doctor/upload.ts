/** A file from this page to the server, with how much of it is up. */
import { AskFailed } from '../patient/src/im/talk'
import type { Picked, Stored } from '../patient/src/im/files'

/** A file that is not up after this is begun anew. */
const UPLOAD_MS = 180_000

/** Rejects with `AskFailed`. */
export function upload(
  url: string,
  token: string,
  picked: Picked,
  heard: (part: number) => void,
): Promise<Stored> {
  return new Promise((stored, failed) => {
    const request = new XMLHttpRequest()
    request.open('PUT', url)
    request.timeout = UPLOAD_MS
    request.setRequestHeader('Authorization', `Bearer ${token}`)
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.upload.onprogress = ({ loaded, total }) => heard(total ? loaded / total : 0)
    request.onload = () => {
      const { code, body } = read(request.responseText)
      if (request.status === 200) stored(body as Stored)
      else failed(new AskFailed(code, request.status === 429 || request.status >= 500))
    }
    request.onerror = request.ontimeout = request.onabort = () => failed(new AskFailed('unreachable', true))
    request.send(picked.content as Blob)
  })
}

function read(text: string): { code: string; body: unknown } {
  try {
    const body = JSON.parse(text) as { code?: unknown }
    return { code: typeof body.code === 'string' ? body.code : 'core.refused', body }
  } catch {
    return { code: 'core.refused', body: null }
  }
}

/** What a file field, a paste or a drop gave: pictures together, anything else as a document. */
export function pickedFrom(files: ArrayLike<File>): { pictures: Picked[]; documents: Picked[] } {
  const all = Array.from(files).map((file) => ({
    kind: file.type.startsWith('image/') ? ('image' as const) : ('file' as const),
    name: file.type.startsWith('image/') ? '' : file.name,
    bytes: file.size,
    seconds: 0,
    preview: URL.createObjectURL(file),
    content: file,
  }))
  return {
    pictures: all.filter((each) => each.kind === 'image'),
    documents: all.filter((each) => each.kind === 'file'),
  }
}
