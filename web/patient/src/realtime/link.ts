/**
 * The one realtime connection of the app: npm centrifuge behind the few verbs that a page needs.
 *
 * The connection opens with the first channel and closes with the last, so the list of lines costs no socket.
 */
import { Centrifuge } from 'centrifuge'
import type { Subscription } from 'centrifuge'
import type { Channel, Listener, RealtimeLink } from '../queue/follow'
import type { Position } from '../queue/board'

export type SocketClass = new (url: string, protocols?: string | string[]) => unknown

/** `websocket` is needed where the platform has none of its own. */
export function centrifugeLink(endpoint: string, websocket: SocketClass | null): RealtimeLink {
  const client = new Centrifuge(endpoint, { websocket, name: 'houzhen-patient', maxReconnectDelay: 10_000 })
  const open = new Set<Subscription>()
  client.on('error', () => undefined) // every failure also changes a state; the state is what is shown

  return {
    open(channel: string, since: Position, listener: Listener): Channel {
      const subscription = client.newSubscription(channel, { since, recoverable: true })
      open.add(subscription)
      subscription.on('publication', (published) => listener.published(published.data))
      subscription.on('subscribed', (subscribed) => {
        listener.link('connected')
        listener.subscribed(subscribed.wasRecovering && !subscribed.recovered)
      })
      subscription.on('subscribing', () => listener.link('connecting'))
      subscription.on('error', () => undefined)
      const onDown = () => listener.link('connecting')
      client.on('disconnected', onDown)
      subscription.subscribe()
      client.connect()

      return {
        rest: () => client.disconnect(),
        wake() {
          client.disconnect()
          client.connect()
          subscription.subscribe()
        },
        close() {
          client.off('disconnected', onDown)
          subscription.removeAllListeners()
          subscription.unsubscribe()
          client.removeSubscription(subscription)
          open.delete(subscription)
          if (open.size === 0) client.disconnect()
        },
      }
    },
  }
}
