/** The state behind the page of ways to sign in: what is linked, linking one more, taking one away. */
import { computed, onMounted, ref } from 'vue'
import type { LinkWith } from '../../api/account'
import { useOwnData } from '../../app/account'
import { useDoing, useLoaded } from '../../app/doing'
import { hostCode, leaveFor, ownWay, returnAddress } from '../../app/hosts'
import { IN_BROWSER } from '../../app/platform'
import { useServices } from '../../app/services'
import type { Word } from '../../words/say'

export function useWays() {
  const { signIn, mine, takeReturned } = useServices()
  const me = useLoaded(() => mine.me())
  const ways = useLoaded(() => signIn.ways())
  const changing = useDoing()
  const asking = ref('')
  const phoning = ref(false)
  const remark = ref<Word | null>(null)
  const own = computed(() => {
    const way = ownWay()
    return way !== null && ways.value.value?.includes(way) ? way : null
  })

  const link = (by: () => Promise<LinkWith | null>) =>
    changing.run(async () => {
      remark.value = null
      const given = await by()
      if (given === null) return
      const { merged } = await mine.link(given)
      remark.value = merged ? 'ways.merged' : 'ways.done'
      phoning.value = false
      me.reload()
    })

  /** The one-time code of this host, or `null` when the browser leaves for it or none was given. */
  async function ownCode(): Promise<LinkWith | null> {
    const way = own.value
    if (way === null) return null
    if (way === 'wechat_h5') {
      const { address, state } = await signIn.startWeChat(returnAddress())
      leaveFor(address, { state, why: 'link', agreed: {} })
      return null
    }
    const code = await hostCode().catch(() => '')
    if (code === '') remark.value = 'sign_in.host'
    return code === '' ? null : { way, code }
  }

  onMounted(() => {
    ways.reload()
    const back = IN_BROWSER ? takeReturned() : null
    if (back?.kind === 'not_ours') remark.value = 'sign_in.not_ours'
    if (back?.kind === 'declined') remark.value = 'sign_in.declined'
    if (back?.kind === 'code' && back.why === 'link')
      void link(() => Promise.resolve({ way: 'wechat_h5', code: back.code, state: back.state }))
  })
  useOwnData(me.reload, me.clear)

  return {
    me,
    identities: computed(() => me.value.value?.identities ?? []),
    own,
    hasSms: computed(() => ways.value.value?.includes('sms') === true),
    phoning,
    asking,
    ask(identity: string) {
      changing.failure.value = null
      asking.value = identity
    },
    changing,
    remark,
    linkOwn: () => link(ownCode),
    linkPhone: (phone: string, code: string) => link(() => Promise.resolve({ way: 'sms', phone, code })),
    unlink: (identity: string) =>
      changing.run(async () => {
        await mine.unlink(identity)
        asking.value = ''
        me.reload()
      }),
  }
}
