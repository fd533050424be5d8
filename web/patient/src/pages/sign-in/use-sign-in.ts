/** The state behind the sign-in page: what must be agreed to, which ways there are, and one attempt at a time. */
import { computed, onMounted, ref, watch } from 'vue'
import type { SignedIn } from '../../account/session'
import type { Consent } from '../../api/account'
import { useDoing, useLoaded } from '../../app/doing'
import { goBackOr } from '../../app/going'
import { hostCode, leaveFor, ownWay, phoneCodeOf, returnAddress } from '../../app/hosts'
import { useServices } from '../../app/services'
import { IN_BROWSER } from '../../app/platform'
import type { Word } from '../../words/say'

type Versions = Readonly<Record<string, string>>

export function useSignIn() {
  const { account, manner, signIn, mine, takeReturned } = useServices()
  const agreed = ref(false)
  const agreeFault = ref(false)
  const remark = ref<Word | null>(null)
  const { busy, failure, run } = useDoing()
  const texts = useLoaded(toAgree)
  const ways = useLoaded(() => signIn.ways())
  const own = computed(() => {
    const way = ownWay()
    return way !== null && ways.value.value?.includes(way) ? way : null
  })

  /** What signing in needs. Sensitive data has a consent of its own, asked where it matters and never here. */
  async function toAgree(): Promise<Consent[]> {
    const every = await mine.consents(manner.language)
    return every.filter((each) => each.kind !== 'sensitive_health')
  }

  /** Nothing is sent before the texts could be read and were agreed to. */
  function may(): boolean {
    agreeFault.value = !agreed.value
    return agreed.value && texts.value.value !== null
  }

  async function attempt(began: () => Promise<SignedIn>, versions = ticked()): Promise<void> {
    remark.value = null
    const done = await run(async () => {
      account.session.begin(await began())
      await recordConsents(versions)
    })
    if (done) goBackOr('me')
  }

  /** What was ticked goes on the record. Should that fail, the server asks again when it matters. */
  async function recordConsents(versions: Versions): Promise<void> {
    for (const kind of ['terms', 'privacy'] as const) {
      const version = versions[kind]
      if (version) await mine.give(kind, version).catch(() => undefined)
    }
  }

  /** The versions that stand under the ticked box. */
  const ticked = (): Versions =>
    Object.fromEntries((texts.value.value ?? []).map(({ kind, version }) => [kind, version]))

  async function withHost(phoneCode: string): Promise<void> {
    if (!may()) return
    const code = await hostCode().catch(() => '')
    if (code === '') remark.value = 'sign_in.host'
    else if (own.value === 'alipay_mini') await attempt(() => signIn.withAlipay(code))
    else await attempt(() => signIn.withWeChatMini(code, phoneCode))
  }

  async function withPhone(event: unknown): Promise<void> {
    const phoneCode = phoneCodeOf(event)
    if (phoneCode === '') remark.value = 'sign_in.host'
    else await withHost(phoneCode)
  }

  async function leave(): Promise<void> {
    if (!may()) return
    await run(async () => {
      const { address, state } = await signIn.startWeChat(returnAddress())
      leaveFor(address, { state, why: 'sign_in', agreed: ticked() })
    })
  }

  watch(() => manner.language, texts.reload)
  onMounted(() => {
    ways.reload()
    const back = IN_BROWSER ? takeReturned() : null
    if (back?.kind === 'not_ours') remark.value = 'sign_in.not_ours'
    if (back?.kind === 'declined') remark.value = 'sign_in.declined'
    texts.reload()
    // Whoever was sent to WeChat had ticked the box.
    if (back?.kind === 'code') void attempt(() => signIn.withWeChat(back.code, back.state), back.agreed)
  })

  return {
    agreed,
    agreeFault,
    may,
    texts,
    ways,
    own,
    hasSms: computed(() => ways.value.value?.includes('sms') === true),
    busy,
    failure,
    remark,
    withOwn: () => (own.value === 'wechat_h5' ? leave() : withHost('')),
    withHost,
    withPhone,
    withSms: (phone: string, code: string) => attempt(() => signIn.withCode(phone, code)),
  }
}
