/** Photos, voice and documents: what differs between a browser and the two mini-program hosts. */
import Taro from '@tarojs/taro'
import { problemOf, Unreachable } from '../api/ask'
import type { Answer } from '../api/ask'
import type { Picked, Stored } from '../im/files'
import { AskFailed } from '../im/talk'
import { RECORD_MS, SAVED_MS, UPLOAD_MS } from '../limits'
import { IN_BROWSER, origin } from './platform'

const PHOTOS = 'image/jpeg,image/png,image/webp'
const DOCUMENTS = ['pdf', 'docx', 'xlsx']

/** Choose photos, or take one. Empty when the person changed their mind. */
export async function pickPhotos(most: number): Promise<Picked[]> {
  if (IN_BROWSER) return chosenFiles(PHOTOS, most, 'image')
  const chosen = await Taro.chooseImage({ count: most, sizeType: ['compressed'] }).catch(() => null)
  return Promise.all((chosen?.tempFiles ?? []).map((file) => ofPath('image', file.path, '', file.size)))
}

/** Whether documents can be chosen here: Alipay's host has no way. */
export const picksDocuments = (): boolean => IN_BROWSER || process.env.TARO_ENV === 'weapp'

export async function pickDocument(): Promise<Picked[]> {
  if (IN_BROWSER) return chosenFiles(DOCUMENTS.map((each) => `.${each}`).join(','), 1, 'file')
  const asked = { count: 1, type: 'file' as const, extension: DOCUMENTS }
  const chosen = await Taro.chooseMessageFile(asked).catch(() => null)
  return Promise.all((chosen?.tempFiles ?? []).map((file) => ofPath('file', file.path, file.name, file.size)))
}

/** A recording that runs. */
export interface Recording {
  /** End it: what was recorded, null for nothing. */
  stop(): Promise<Picked | null>
  cancel(): void
}

/** Begin to record. Rejects when the person or the phone does not allow it. `over` after a minute. */
export const record = (over: () => void): Promise<Recording> => (IN_BROWSER ? inBrowser(over) : inMini(over))

/** Whether this phone can record at all. */
export const records = (): boolean =>
  !IN_BROWSER || (typeof MediaRecorder !== 'undefined' && navigator.mediaDevices !== undefined)

/** Send one up. Rejects with `AskFailed`. */
export async function bring(
  url: string,
  token: string,
  picked: Picked,
  heard: (part: number) => void,
): Promise<Stored> {
  const answer = await (IN_BROWSER ? putBlob : putPath)(origin() + url, token, picked, heard).catch(
    () => null,
  )
  if (answer === null) throw new AskFailed('unreachable', true)
  if (answer.status === 200) return answer.body as Stored
  const problem = problemOf(answer)
  throw new AskFailed(problem.code, answer.status === 429 || answer.status >= 500)
}

export const freePicked = (picked: Picked): void => {
  if (IN_BROWSER) URL.revokeObjectURL(picked.preview)
}

/** Show photos large, that one first. */
export function showPhotos(urls: readonly string[], current: string): void {
  void Taro.previewImage({ urls: urls.map(absolute), current: absolute(current) })
}

/** Hand a document over: a download in a browser, the host's own viewer elsewhere. */
export async function openDocument(url: string): Promise<void> {
  if (IN_BROWSER) {
    window.location.assign(url)
    return
  }
  const { tempFilePath } = await Taro.downloadFile({ url: absolute(url) })
  await Taro.openDocument({ filePath: tempFilePath, showMenu: true })
}

/** Fetch a document that only its owner may have, and hand it over. Rejects with `AskFailed`. */
export async function saveDocument(url: string, token: string, name: string): Promise<void> {
  const header = { Authorization: `Bearer ${token}` }
  if (IN_BROWSER) {
    const response = await fetch(url, { headers: header, cache: 'no-store' }).catch(() => null)
    if (!response?.ok) throw new AskFailed('unreachable', true)
    const link = document.createElement('a')
    link.href = URL.createObjectURL(await response.blob())
    link.download = name
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), SAVED_MS)
    return
  }
  const got = await Taro.downloadFile({ url: absolute(url), header }).catch(() => null)
  if (got?.statusCode !== 200) throw new AskFailed('unreachable', true)
  await Taro.openDocument({ filePath: got.tempFilePath, fileType: 'pdf', showMenu: true })
}

/** Plays one voice at a time. */
export class Player {
  private stopOne: (() => void) | null = null

  /** Play from the beginning; `ended` is told once, however it ends. */
  play(url: string, ended: () => void): void {
    this.stop()
    let over = false
    const done = (): void => {
      if (!over) ended()
      over = true
    }
    const audio = IN_BROWSER ? new Audio(url) : Taro.createInnerAudioContext()
    this.stopOne = () => {
      if (audio instanceof Object && 'destroy' in audio) audio.destroy()
      else (audio as HTMLAudioElement).pause()
      done()
    }
    if ('onEnded' in audio) {
      audio.onEnded(done)
      audio.onError(done)
      audio.src = absolute(url)
      audio.play()
      return
    }
    audio.onended = audio.onerror = done
    void audio.play().catch(done)
  }

  stop(): void {
    this.stopOne?.()
    this.stopOne = null
  }
}

const absolute = (url: string): string => (url.startsWith('/') ? origin() + url : url)

const chosenFiles = (accept: string, most: number, kind: 'image' | 'file'): Promise<Picked[]> =>
  new Promise((picked) => {
    const field = document.createElement('input')
    field.type = 'file'
    field.accept = accept
    field.multiple = most > 1
    field.onchange = () =>
      picked(
        Array.from(field.files ?? [])
          .slice(0, most)
          .map((file) => ofBlob(kind, file, kind === 'file' ? file.name : '')),
      )
    field.oncancel = () => picked([])
    field.click()
  })

const ofBlob = (kind: Picked['kind'], blob: Blob, name: string, seconds = 0): Picked => ({
  kind,
  name,
  bytes: blob.size,
  seconds,
  preview: URL.createObjectURL(blob),
  content: blob,
})

async function ofPath(
  kind: Picked['kind'],
  path: string,
  name: string,
  size: number | undefined,
  seconds = 0,
): Promise<Picked> {
  const bytes = size || ((await Taro.getFileInfo({ filePath: path })) as { size?: number }).size || 0
  return { kind, name, bytes, seconds, preview: path, content: path }
}

async function inBrowser(over: () => void): Promise<Recording> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true })
  const type = ['audio/webm', 'audio/mp4', 'audio/ogg'].find((each) => MediaRecorder.isTypeSupported(each))
  const recorder = new MediaRecorder(stream, {
    ...(type ? { mimeType: type } : {}),
    audioBitsPerSecond: 32_000,
  })
  const pieces: Blob[] = []
  const began = Date.now()
  recorder.ondataavailable = ({ data }) => void pieces.push(data)
  const timer = setTimeout(over, RECORD_MS)
  const ended = new Promise<void>((done) => (recorder.onstop = () => done()))
  const end = async (): Promise<void> => {
    clearTimeout(timer)
    if (recorder.state !== 'inactive') recorder.stop()
    await ended
    for (const track of stream.getTracks()) track.stop()
  }
  recorder.start()
  return {
    async stop() {
      const seconds = (Date.now() - began) / 1000
      await end()
      return pieces.length === 0 ? null : ofBlob('voice', new Blob(pieces), '', seconds)
    },
    cancel: () => void end(),
  }
}

function inMini(over: () => void): Promise<Recording> {
  const recorder = Taro.getRecorderManager()
  return new Promise((begun, refused) => {
    let told: ((picked: Picked | null) => void) | null = null
    recorder.onStart(() =>
      begun({
        stop: () =>
          new Promise((picked) => {
            told = picked
            recorder.stop()
          }),
        cancel: () => recorder.stop(),
      }),
    )
    recorder.onError(() => refused(new Error('no recording')))
    recorder.onStop(({ tempFilePath, duration, fileSize }) => {
      if (told === null) over()
      else void ofPath('voice', tempFilePath, '', fileSize, duration / 1000).then(told)
    })
    // A second more than is taken, so that the page ends it and not the host.
    recorder.start({ duration: RECORD_MS + 1_000, sampleRate: 16000, numberOfChannels: 1, format: 'aac' })
    setTimeout(over, RECORD_MS)
  })
}

type Put = (url: string, token: string, picked: Picked, heard: (part: number) => void) => Promise<Answer>

const putBlob: Put = (url, token, picked, heard) =>
  new Promise((answered, lost) => {
    const request = new XMLHttpRequest()
    request.open('PUT', url)
    request.timeout = UPLOAD_MS
    request.setRequestHeader('Authorization', `Bearer ${token}`)
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.upload.onprogress = ({ loaded, total }) => heard(total ? loaded / total : 0)
    request.onload = () =>
      answered({ status: request.status, body: decoded(request.responseText), retryAfter: null })
    request.onerror = request.ontimeout = request.onabort = () => lost(new Unreachable())
    request.send(picked.content as Blob)
  })

const putPath: Put = (url, token, picked, heard) =>
  new Promise((answered, lost) => {
    const task = Taro.uploadFile({
      url,
      filePath: picked.content as string,
      name: 'file',
      fileName: 'file',
      timeout: UPLOAD_MS,
      header: { Authorization: `Bearer ${token}` },
      success: ({ statusCode, data }) =>
        answered({ status: statusCode, body: decoded(data), retryAfter: null }),
      fail: () => lost(new Unreachable()),
    })
    task.onProgressUpdate?.(({ progress }) => heard(progress / 100))
  })

function decoded(body: unknown): unknown {
  if (typeof body !== 'string') return body
  try {
    return JSON.parse(body) as unknown
  } catch {
    return null
  }
}
