import { expect, it } from 'vitest'
import { channelsOf, schemasOf, typeWords, type AsyncApi } from '../docs/asyncapi'
import sample from './samples/asyncapi.json'

const document = sample as AsyncApi

it('shows what arrives on a channel, field by field', () => {
  const [queue] = channelsOf(document)
  expect(queue?.address).toBe('queue:{line}')
  expect(
    queue?.messages[0]?.fields.map((field) => [field.name, field.type, field.link, field.required]),
  ).toEqual([
    ['line', 'string', null, true],
    ['now', 'Now[]', 'Now', true],
    ['as_of', 'string (date-time)', null, false],
    ['estimate', 'Estimate | null', 'Estimate', false],
  ])
})

it('shows the schemas that fields lead to, once', () => {
  expect(schemasOf(document).map((schema) => schema.name)).toEqual(['Now', 'Estimate'])
})

it('says choices', () => {
  expect(typeWords({ enum: ['open', 'closed'] })).toBe('"open" | "closed"')
  expect(typeWords({ type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'null' }] } })).toBe(
    '(string | null)[]',
  )
  expect(typeWords({})).toBe('any')
})

it('survives a document with nothing in it', () => {
  expect(channelsOf({})).toEqual([])
  expect(
    channelsOf({ channels: { a: { messages: { m: { $ref: '#/nowhere' } } } } })[0]?.messages[0]?.fields,
  ).toEqual([])
})
