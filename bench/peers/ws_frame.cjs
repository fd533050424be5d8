// node's `ws`: the frame is made once for all, as its documentation advises for broadcasts.
// `ws` is the one that the tests' stock clients use (tests/clients/node).
const http = require('node:http')
const net = require('node:net')
const path = require('node:path')
const { WebSocketServer, WebSocket } = require(path.join(__dirname, '../../tests/clients/node/node_modules/ws'))

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
const server = http.createServer()
server.on('upgrade', (request, socket, head) =>
  sockets.handleUpgrade(request, socket, head, (each) => each.on('error', () => {})),
)

function publish(payload) {
  const options = { fin: true, opcode: 1, mask: false, rsv1: false, readOnly: false }
  const frame = Buffer.concat(WebSocket.Sender.frame(payload, options))
  for (const each of sockets.clients) each._socket.write(frame)
}

const publications = net.createServer((publisher) => {
  let rest = Buffer.alloc(0)
  publisher.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes])
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      publish(rest.subarray(0, end))
      rest = rest.subarray(end + 1)
    }
  })
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () =>
  publications.listen(0, '127.0.0.1', () => {
    console.log(server.address().port)
    console.log(publications.address().port)
  }),
)
