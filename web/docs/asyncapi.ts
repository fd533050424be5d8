/** Reads the AsyncAPI 3.0 document into what a reader wants: channels, their messages, the fields of each. Pure. */

export interface Schema {
  $ref?: string
  type?: string | string[]
  title?: string
  description?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  enum?: unknown[]
  const?: unknown
  format?: string
  examples?: unknown[]
  [more: string]: unknown
}

interface Message {
  name?: string
  title?: string
  summary?: string
  description?: string
  payload?: Schema
  examples?: { payload?: unknown }[]
  $ref?: string
}

interface Channel {
  address?: string
  title?: string
  summary?: string
  description?: string
  parameters?: Record<string, { description?: string }>
  messages?: Record<string, Message>
}

export interface AsyncApi {
  info?: { title?: string; version?: string; description?: string }
  servers?: Record<string, { host?: string; pathname?: string; protocol?: string; description?: string }>
  channels?: Record<string, Channel>
  operations?: Record<string, { action?: string; channel?: { $ref?: string }; summary?: string }>
  components?: { schemas?: Record<string, Schema>; messages?: Record<string, Message> }
}

export interface Field {
  name: string
  type: string
  /** the name of a schema to look up, when the type is one */
  link: string | null
  required: boolean
  description: string
}

export interface ShownMessage {
  name: string
  description: string
  schema: string | null
  fields: Field[]
}

export interface ShownChannel {
  id: string
  address: string
  description: string
  parameters: { name: string; description: string }[]
  messages: ShownMessage[]
}

/** Follow a local `$ref`; an unknown one is an empty schema, not an error. */
export function resolve(document: AsyncApi, ref: string): Record<string, unknown> {
  const path = ref.replace(/^#\//, '').split('/')
  let found: unknown = document
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return {}
    found = (found as Record<string, unknown>)[step.replace(/~1/g, '/').replace(/~0/g, '~')]
  }
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {}
}

export const refName = (schema: Schema | undefined): string | null => schema?.$ref?.split('/').pop() ?? null

/** A type as one would say it: `string (date-time)`, `Now[]`, `Estimate | null`, `"open" | "paused"`. */
export function typeWords(schema: Schema): string {
  const name = refName(schema)
  if (name) return name
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(' | ')
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return choices.map(typeWords).join(' | ')
  if (schema.type === 'array') return `${schema.items ? wrapped(schema.items) : 'any'}[]`
  const types = Array.isArray(schema.type) ? schema.type.join(' | ') : (schema.type ?? 'any')
  return schema.format ? `${types} (${schema.format})` : types
}

function wrapped(schema: Schema): string {
  const words = typeWords(schema)
  return words.indexOf(' | ') < 0 ? words : `(${words})`
}

/** The schema a field leads to, through arrays and `… | null`. */
export function linkOf(schema: Schema): string | null {
  const name = refName(schema)
  if (name) return name
  if (schema.items) return linkOf(schema.items)
  for (const choice of schema.anyOf ?? schema.oneOf ?? []) {
    const found = linkOf(choice)
    if (found) return found
  }
  return null
}

export function fieldsOf(document: AsyncApi, schema: Schema | undefined): Field[] {
  if (!schema) return []
  const whole = schema.$ref ? (resolve(document, schema.$ref) as Schema) : schema
  const required = whole.required ?? []
  return Object.entries(whole.properties ?? {}).map(([name, field]) => ({
    name,
    type: typeWords(field),
    link: linkOf(field),
    required: required.indexOf(name) >= 0,
    description: field.description ?? '',
  }))
}

export function channelsOf(document: AsyncApi): ShownChannel[] {
  return Object.entries(document.channels ?? {}).map(([id, channel]) => ({
    id,
    address: channel.address ?? id,
    description: channel.description ?? channel.summary ?? channel.title ?? '',
    parameters: Object.entries(channel.parameters ?? {}).map(([name, parameter]) => ({
      name,
      description: parameter.description ?? '',
    })),
    messages: Object.entries(channel.messages ?? {}).map(([key, given]) => messageOf(document, key, given)),
  }))
}

function messageOf(document: AsyncApi, key: string, given: Message): ShownMessage {
  const message = given.$ref ? (resolve(document, given.$ref) as Message) : given
  const schema = message.payload?.$ref ? (resolve(document, message.payload.$ref) as Schema) : message.payload
  return {
    name: message.title ?? message.name ?? key,
    description: message.description ?? message.summary ?? schema?.description ?? '',
    schema: refName(message.payload),
    fields: fieldsOf(document, message.payload),
  }
}

/** Every named schema that is not itself a channel's message: what the fields link to. */
export function schemasOf(document: AsyncApi): { name: string; description: string; fields: Field[] }[] {
  const shown = channelsOf(document).reduce<(string | null)[]>(
    (all, channel) => all.concat(channel.messages.map((message) => message.schema)),
    [],
  )
  return Object.entries(document.components?.schemas ?? {})
    .filter(([name]) => shown.indexOf(name) < 0)
    .map(([name, schema]) => ({
      name,
      description: schema.description ?? '',
      fields: fieldsOf(document, schema),
    }))
}
