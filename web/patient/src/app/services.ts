/** The app's composition root: everything a page needs, made once and handed down by `provide`. */
import Taro from '@tarojs/taro'
import { computed, inject, reactive } from 'vue'
import type { ComputedRef, InjectionKey } from 'vue'
import { Session } from '../account/session'
import { signIn } from '../account/sign-in'
import type { SignIn } from '../account/sign-in'
import type { Returned } from '../account/returned'
import { accountApi } from '../api/account'
import type { AccountApi } from '../api/account'
import { bodyOf } from '../api/ask'
import type { Question } from '../api/ask'
import { departmentsApi } from '../api/departments'
import type { DepartmentsApi } from '../api/departments'
import { linesApi } from '../api/lines'
import type { LinesApi } from '../api/lines'
import { consultationsApi } from '../api/consultations'
import type { ConsultationsApi } from '../api/consultations'
import { noticesApi } from '../api/notices'
import type { NoticesApi } from '../api/notices'
import { patientsApi } from '../api/patients'
import type { PatientsApi } from '../api/patients'
import type { RealtimeLink } from '../queue/follow'
import { centrifugeLink } from '../realtime/link'
import { languageFor, say } from '../words/say'
import type { Language, Params, Word } from '../words/say'
import type { Phrase } from '../words/place-words'
import { Account } from './account'
import { returned } from './hosts'
import { Memory } from './memory'
import { Talks } from './talks'
import { alone, ask, chanceName, get, phoneLanguage, origin, socketClass, IN_BROWSER } from './platform'

export interface Services {
  readonly api: LinesApi
  readonly link: RealtimeLink
  readonly memory: Memory
  readonly manner: Manner
  readonly account: Account
  readonly signIn: SignIn
  readonly mine: AccountApi
  readonly patients: PatientsApi
  readonly consultations: ConsultationsApi
  readonly departments: DepartmentsApi
  readonly talks: Talks
  readonly notices: NoticesApi
  /** How the browser came back from WeChat, when it did. Taken once. */
  takeReturned(): Returned
}

/** How the app speaks to this person: language and size of type. */
export class Manner {
  private readonly chosen: { language: Language; large: boolean }

  constructor(private readonly memory: Memory) {
    this.chosen = reactive({ language: languageFor(memory.language, phoneLanguage()), large: memory.large })
    this.tellBrowser()
  }

  get language(): Language {
    return this.chosen.language
  }
  get large(): boolean {
    return this.chosen.large
  }

  switchLanguage(): void {
    this.chosen.language = this.chosen.language === 'en' ? 'zh-CN' : 'en'
    this.memory.language = this.chosen.language
    this.tellBrowser()
  }

  switchSize(): void {
    this.chosen.large = !this.chosen.large
    this.memory.large = this.chosen.large
  }

  say = (word: Word, params?: Params): string => say(this.chosen.language, word, params)
  phrase = (phrase: Phrase): string => say(this.chosen.language, phrase.word, phrase.params)

  private tellBrowser(): void {
    if (IN_BROWSER) document.documentElement.lang = this.chosen.language
  }
}

const SERVICES: InjectionKey<Services> = Symbol('services')

export function createServices(): Services {
  const storage = {
    read: (key: string) => Taro.getStorageSync(`houzhen.${key}`) as unknown,
    write: (key: string, value: unknown) => Taro.setStorageSync(`houzhen.${key}`, value),
  }
  const memory = new Memory(storage, Date.now)
  const manner = new Manner(memory)
  const device = memory.device || (memory.device = chanceName())
  const session = new Session({
    ask,
    storage,
    now: Date.now,
    alone,
    headers: () => ({ 'X-Device': device, 'Accept-Language': manner.language }),
  })
  const plain = async (question: Question) => bodyOf(await session.plain(question))
  const mine = accountApi(
    (question) => session.ask(question),
    plain,
    () => session.signedIn,
  )
  const link = centrifugeLink(origin(), socketClass(), {
    signedIn: () => session.signedIn,
    token: () => mine.realtimeToken(),
    doubt: () => session.check(),
  })
  session.watch(() => link.changed())
  let back = returned()
  return {
    api: linesApi(get),
    link,
    memory,
    manner,
    account: new Account(session),
    signIn: signIn((question) => session.plain(question)),
    mine,
    patients: patientsApi((question) => session.ask(question)),
    consultations: consultationsApi(
      (question) => session.ask(question),
      (path) => plain({ method: 'GET', path }),
    ),
    departments: departmentsApi((path) => plain({ method: 'GET', path })),
    notices: noticesApi((question) => session.ask(question)),
    talks: new Talks((question) => session.ask(question), link, session, storage),
    takeReturned() {
      const taken = back
      back = { kind: 'not_from_there' }
      return taken
    },
  }
}

export const servicesKey = SERVICES

export function useServices(): Services {
  const services = inject(SERVICES)
  if (!services) throw new Error('the app did not provide its services')
  return services
}

/** The words in the chosen language, and the class that sets the size of type. */
export function useManner(): {
  manner: Manner
  say: Manner['say']
  phrase: Manner['phrase']
  size: ComputedRef<string>
} {
  const { manner } = useServices()
  return {
    manner,
    say: manner.say,
    phrase: manner.phrase,
    size: computed(() => (manner.large ? 'page page-large' : 'page')),
  }
}
