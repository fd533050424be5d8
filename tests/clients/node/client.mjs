// The stock npm client, told by JSON lines on stdin what to do, telling by JSON lines on stdout what happened.
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const { Centrifuge } = await import(process.argv[2]);

const tell = (event, facts = {}) => process.stdout.write(JSON.stringify({ event, ...facts }) + '\n');
let client;

const subscribedFacts = (c) => ({ channel: c.channel, was_recovering: c.wasRecovering, recovered: c.recovered });
const publicationFacts = (c) => ({ channel: c.channel, data: c.data, offset: c.offset ?? 0 });

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
const userOf = (c) => c.info?.user;

// The first token at once, the others one by one, each after a while.
function tokenOptions(tokens, takes) {
  const rest = tokens.slice(1);
  return tokens.length ? { token: tokens[0], getToken: () => pause(takes).then(() => rest.shift()) } : {};
}

// As much of an EventSource as the SDK uses: events of one line, and no coming back by itself.
class EventSourceOverFetch {
  constructor(url) {
    this.ended = new AbortController();
    void this.read(url);
  }

  async read(url) {
    try {
      const response = await fetch(url, { signal: this.ended.signal });
      if (!response.ok) throw new Error(String(response.status));
      this.onopen?.();
      let text = '';
      const decoder = new TextDecoder();
      for await (const chunk of response.body) {
        const events = (text + decoder.decode(chunk, { stream: true })).split('\n\n');
        text = events.pop();
        for (const event of events) this.onmessage?.({ data: event.trim().replace(/^data: /, '') });
      }
      throw new Error('ended');
    } catch (error) {
      if (!this.ended.signal.aborted) this.onerror?.(error);
    }
  }

  close() {
    this.ended.abort();
  }
}

function connect({ url, tokens, channels, ping_slack, token_takes, transports, emulation }) {
  const options = {
    websocket: WebSocket,
    fetch,
    readableStream: ReadableStream,
    eventsource: EventSourceOverFetch,
    ...(emulation ? { emulationEndpoint: emulation } : {}),
    maxReconnectDelay: 300,
    minReconnectDelay: 100,
    maxServerPingDelay: ping_slack * 1000,
    ...tokenOptions(tokens, token_takes),
  };
  client = new Centrifuge(transports ?? url, options);
  client.on('connecting', (c) => tell('connecting', { code: c.code }));
  client.on('connected', (c) => tell('connected', { client: c.client }));
  client.on('disconnected', (c) => tell('disconnected', { code: c.code, reason: c.reason }));
  client.on('subscribed', (c) => tell('subscribed', subscribedFacts(c)));
  client.on('unsubscribed', (c) => tell('unsubscribed', { channel: c.channel }));
  client.on('publication', (c) => tell('publication', publicationFacts(c)));
  client.on('error', (c) => tell('error', { code: c.error.code }));
  for (const channel of channels) subscribe({ channel });
  client.connect();
}

function subscribe({ channel, since, tokens = [], join_leave = false }) {
  let subscription = client.getSubscription(channel);
  if (!subscription) {
    const options = {
      maxResubscribeDelay: 300,
      minResubscribeDelay: 50,
      joinLeave: join_leave,
      ...tokenOptions(tokens, 0),
    };
    if (since) options.since = { offset: since[0], epoch: since[1] };
    subscription = client.newSubscription(channel, options);
    subscription.on('subscribing', (c) => tell('subscribing', { channel, code: c.code }));
    subscription.on('subscribed', (c) => tell('subscribed', { ...subscribedFacts(c), channel }));
    subscription.on('unsubscribed', (c) => tell('unsubscribed', { channel, code: c.code }));
    subscription.on('publication', (c) => tell('publication', { ...publicationFacts(c), channel, by: userOf(c) }));
    subscription.on('join', (c) => tell('join', { channel, user: userOf(c) }));
    subscription.on('leave', (c) => tell('leave', { channel, user: userOf(c) }));
    subscription.on('error', (c) => tell('subscription_error', { channel, code: c.error.code }));
  }
  subscription.subscribe();
}

async function ask({ number }, work) {
  try {
    tell('answer', { number, ...(await work()) });
  } catch (error) {
    tell('answer', { number, error: error.code });
  }
}

const actions = {
  connect,
  subscribe,
  unsubscribe: ({ channel }) => client.getSubscription(channel).unsubscribe(),
  history: (c) =>
    ask(c, async () => {
      const found = await client.history(c.channel, { limit: c.limit, reverse: c.reverse });
      return { offset: found.offset, offsets: found.publications.map((one) => one.offset) };
    }),
  publish: (c) => ask(c, async () => (await client.publish(c.channel, c.data), {})),
  rpc: (c) => ask(c, async () => ({ data: (await client.rpc(c.method, c.data)).data })),
  presence: (c) =>
    ask(c, async () => {
      const found = await client.presence(c.channel);
      return { users: Object.values(found.clients).map((one) => one.user).sort() };
    }),
  presence_stats: (c) =>
    ask(c, async () => {
      const found = await client.presenceStats(c.channel);
      return { clients: found.numClients, users: found.numUsers };
    }),
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line);
    actions[command.do](command);
  })
  .on('close', () => {
    client?.disconnect();
    setTimeout(() => process.exit(0), 50);
  });

tell('ready');
