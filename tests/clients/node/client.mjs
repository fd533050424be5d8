// The stock npm client, told by JSON lines on stdin what to do, telling by JSON lines on stdout what happened.
import { createInterface } from 'node:readline';
import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';

const tell = (event, facts = {}) => process.stdout.write(JSON.stringify({ event, ...facts }) + '\n');
let client;

const subscribedFacts = (c) => ({ channel: c.channel, was_recovering: c.wasRecovering, recovered: c.recovered });
const publicationFacts = (c) => ({ channel: c.channel, data: c.data, offset: c.offset ?? 0 });

function connect({ url, tokens, channels }) {
  const rest = tokens.slice(1);
  const options = { websocket: WebSocket, maxReconnectDelay: 300, minReconnectDelay: 100 };
  if (tokens.length) Object.assign(options, { token: tokens[0], getToken: async () => rest.shift() });
  client = new Centrifuge(url, options);
  client.on('connecting', (c) => tell('connecting', { code: c.code }));
  client.on('connected', (c) => tell('connected', { client: c.client }));
  client.on('disconnected', (c) => tell('disconnected', { code: c.code, reason: c.reason }));
  client.on('subscribed', (c) => tell('subscribed', subscribedFacts(c)));
  client.on('unsubscribed', (c) => tell('unsubscribed', { channel: c.channel }));
  client.on('publication', (c) => tell('publication', publicationFacts(c)));
  for (const channel of channels) subscribe({ channel });
  client.connect();
}

function subscribe({ channel }) {
  let subscription = client.getSubscription(channel);
  if (!subscription) {
    subscription = client.newSubscription(channel, { maxResubscribeDelay: 300, minResubscribeDelay: 50 });
    subscription.on('subscribing', (c) => tell('subscribing', { channel, code: c.code }));
    subscription.on('subscribed', (c) => tell('subscribed', { ...subscribedFacts(c), channel }));
    subscription.on('unsubscribed', (c) => tell('unsubscribed', { channel, code: c.code }));
    subscription.on('publication', (c) => tell('publication', { ...publicationFacts(c), channel }));
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
