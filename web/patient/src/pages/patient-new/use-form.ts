/** The state behind the form: what is typed, what is wrong with it, and one attempt at a time. */
import { computed, reactive, ref, shallowRef } from 'vue'
import { Problem } from '../../api/ask'
import type { ConsentKind } from '../../api/account'
import { useOwnData } from '../../app/account'
import { useDoing } from '../../app/doing'
import { goBackTo } from '../../app/going'
import { chanceName } from '../../app/platform'
import { useManner, useServices } from '../../app/services'
import { ageOn, factsOfCnId, faultOfCnId } from '../../patients/documents'
import { asksGuardian, blankForm, faultsIn, fieldMeant, patientBody } from '../../patients/form'
import type { FormField, PatientForm } from '../../patients/form'
import { todayAt } from '../../words/days'
import { wordsOfFailure } from '../../words/problem-words'

export function useForm() {
  const { account, mine, patients } = useServices()
  const { manner, say } = useManner()
  const form = reactive(blankForm())
  const today = todayAt(Date.now())
  const { busy, failure, run } = useDoing()
  const touched = ref(false)
  const tried = ref(false)
  /** What the server found wrong with one field, until that field changes. */
  const told = shallowRef<{ field: FormField; sentence: string } | null>(null)
  const consentMissing = ref<ConsentKind | ''>('')
  let key = chanceName()
  let owner = account.user

  const faults = computed(() => (tried.value ? faultsIn(form, today) : {}))

  function set<F extends FormField>(field: F, value: PatientForm[F]): void {
    ;(form as PatientForm)[field] = value
    touched.value = true
    key = chanceName() // another content is another attempt
    if (told.value?.field === field) told.value = null
    failure.value = null
  }

  const faultOf = (field: FormField): string => {
    const fault = faults.value[field]
    if (fault) return say(fault)
    return told.value?.field === field ? told.value.sentence : ''
  }

  async function add(): Promise<void> {
    tried.value = true
    told.value = null
    if (Object.keys(faults.value).length > 0) return
    const done = await run(async () => void (await patients.add(patientBody(form, today), key)))
    if (done) goBackTo('patients', 'card')
    else refused()
  }

  /** Say the refusal where it belongs: at its field, or as the step that is missing. */
  function refused(): void {
    const reason = failure.value
    if (!(reason instanceof Problem)) return
    const { sentence, consent } = wordsOfFailure(reason, manner.language)
    const field = reason.field ? fieldMeant(reason.field) : null
    if (consent === 'sensitive_health' || consent === 'terms' || consent === 'privacy') {
      consentMissing.value = consent
    } else if (field !== null) {
      told.value = { field, sentence }
      failure.value = null
    }
  }

  async function lookAtConsents(): Promise<void> {
    const consents = await mine.consents(manner.language).catch(() => [])
    const missing = consents.find((each) => each.givenVersion !== each.version)
    consentMissing.value = missing?.kind ?? ''
    if (!missing && failure.value instanceof Problem && failure.value.code.startsWith('consent.'))
      failure.value = null
  }

  useOwnData(
    () => {
      // Somebody else signed in: what the one before typed is not theirs to see.
      if (owner !== '' && owner !== account.user) Object.assign(form, blankForm())
      owner = account.user
      void lookAtConsents()
    },
    () => undefined,
  )

  return {
    form,
    set,
    touched,
    guarded: computed(() => asksGuardian(form, today)),
    /** What the id number tells, said back so that a slip is noticed. */
    derived: computed(() => {
      if (faultOfCnId(form.idNumber, today) !== null) return ''
      const { birthDate, sex } = factsOfCnId(form.idNumber)
      return say('form.derived', {
        born: birthDate,
        age: ageOn(today, birthDate),
        sex: say(`patients.sex.${sex}`),
      })
    }),
    faultOf,
    faultCount: computed(() => Object.keys(faults.value).length + (told.value ? 1 : 0)),
    consentMissing,
    busy,
    failure,
    add,
  }
}
