/** The screen's voice: a two-tone chime, then the browser's own speech where it has one for the language. */

/** An utterance whose end the browser never reports must not silence the ones after it. */
const SPEECH_MOST_SECONDS = 15
const VOICES_SECONDS = 2
const UNLOCK_SECONDS = 0.4

export type Sound =
  /** may be heard */
  | 'ready'
  /** the browser wants a touch first */
  | 'blocked'
  /** this box has neither speech nor audio */
  | 'none'

type AudioConstructor = new () => AudioContext

export class Voice {
  private audio: AudioContext | null = null
  private voices: SpeechSynthesisVoice[] | null = null
  /** Chrome collects an utterance nobody holds and then never reports its end. */
  utterance: SpeechSynthesisUtterance | null = null

  constructor(private readonly language: 'zh-CN' | 'en') {}

  /** Find out whether sound is allowed. Called again from a touch, it unlocks the sound for good. */
  async open(): Promise<Sound> {
    this.voices = await loadVoices()
    const Audio = audioConstructor()
    if (!Audio) return this.canSpeak() ? 'ready' : 'none'
    try {
      if (!this.audio) this.audio = new Audio()
    } catch {
      return this.canSpeak() ? 'ready' : 'none'
    }
    if (this.audio.state === 'suspended') await Promise.race([this.audio.resume(), pause(UNLOCK_SECONDS)])
    return (this.audio.state as string) === 'suspended' ? 'blocked' : 'ready'
  }

  /** Chime, then say `text` if there is a voice for it. Resolves when it is quiet again; never rejects. */
  async announce(text: string): Promise<void> {
    await this.chime()
    if (this.canSpeak()) await this.say(text)
  }

  private canSpeak(): boolean {
    return typeof speechSynthesis !== 'undefined' && this.chosenVoice() !== null
  }

  /** A voice that needs no network first: the hospital's screens may reach only the platform. */
  private chosenVoice(): SpeechSynthesisVoice | null {
    const wanted = this.language === 'en' ? /^en/i : /^(zh|cmn)([-_](cn|hans))?/i
    const fitting = (this.voices ?? []).filter((voice) => wanted.test(voice.lang))
    const exact = fitting.filter((voice) => this.language === 'en' || /cn|hans/i.test(voice.lang))
    const pool = exact.length > 0 ? exact : fitting
    return pool.find((voice) => voice.localService) ?? pool[0] ?? null
  }

  private say(text: string): Promise<void> {
    return new Promise((resolve) => {
      const utterance = new SpeechSynthesisUtterance(text)
      const voice = this.chosenVoice()
      if (voice) utterance.voice = voice
      utterance.lang = this.language === 'en' ? 'en-US' : 'zh-CN'
      utterance.rate = 0.9
      let timer = 0
      const end = (): void => {
        clearTimeout(timer)
        utterance.onend = null
        utterance.onerror = null
        this.utterance = null
        resolve()
      }
      timer = window.setTimeout(() => {
        speechSynthesis.cancel()
        end()
      }, SPEECH_MOST_SECONDS * 1000)
      utterance.onend = end
      utterance.onerror = end
      this.utterance = utterance
      speechSynthesis.speak(utterance)
    })
  }

  private async chime(): Promise<void> {
    const audio = this.audio
    if (!audio || audio.state !== 'running') return
    const tones: [number, number][] = [
      [659.25, 0],
      [523.25, 0.42],
    ]
    for (const [frequency, after] of tones) strike(audio, frequency, audio.currentTime + after)
    await pause(1.15)
  }
}

function strike(audio: AudioContext, frequency: number, at: number): void {
  const tone = audio.createOscillator()
  const gain = audio.createGain()
  tone.type = 'sine'
  tone.frequency.value = frequency
  gain.gain.setValueAtTime(0.0001, at)
  gain.gain.exponentialRampToValueAtTime(0.5, at + 0.02)
  gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.7)
  tone.connect(gain)
  gain.connect(audio.destination)
  tone.start(at)
  tone.stop(at + 0.72)
  tone.onended = () => gain.disconnect()
}

function audioConstructor(): AudioConstructor | null {
  const found = window as unknown as {
    AudioContext?: AudioConstructor
    webkitAudioContext?: AudioConstructor
  }
  return found.AudioContext ?? found.webkitAudioContext ?? null
}

/** Voices arrive late on some systems; a box without any is asked once and then left in peace. */
function loadVoices(): Promise<SpeechSynthesisVoice[]> {
  if (typeof speechSynthesis === 'undefined') return Promise.resolve([])
  const now = speechSynthesis.getVoices()
  if (now.length > 0) return Promise.resolve(now)
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer)
      speechSynthesis.onvoiceschanged = null
      resolve(speechSynthesis.getVoices())
    }
    const timer = window.setTimeout(finish, VOICES_SECONDS * 1000)
    speechSynthesis.onvoiceschanged = finish
  })
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000)
  })
}
