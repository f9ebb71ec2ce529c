// The floor: the least work a Node process can do to fan one POST out to SSE subscribers. No auth, no matching, no history, no limits.
// node floor.mjs <res|sock|coalesce|topics> <port>
//   res       http `res.write` per subscriber and update (what most Node SSE servers do)
//   sock      one pre-chunked buffer written to each raw socket
//   coalesce  the same, all updates of one event-loop turn joined into one write
//   topics    as sock, to those alone who asked for the update's topic (GET /?topic=…, looked up in a Map)
import http from 'node:http'
const [mode, port] = [process.argv[2], Number(process.argv[3])]
const subs = new Set()
const subsOf = new Map()
let pending = []
let scheduled = false
let seq = 0
const chunk = (b) =>
  Buffer.concat([Buffer.from(b.length.toString(16) + '\r\n'), b, Buffer.from('\r\n')])
function flush() {
  scheduled = false
  const b = chunk(Buffer.concat(pending))
  pending = []
  for (const s of subs) s.write(b)
}
function setOf(req) {
  if (mode !== 'topics') return subs
  const topic = req.url.slice('/?topic='.length)
  if (!subsOf.has(topic)) subsOf.set(topic, new Set())
  return subsOf.get(topic)
}
http
  .createServer((req, res) => {
    if (req.method === 'GET') {
      res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
      res.flushHeaders()
      const s = mode === 'res' ? res : res.socket
      s.on('error', () => {})
      const its = setOf(req)
      its.add(s)
      req.on('close', () => its.delete(s))
      return
    }
    const parts = []
    req.on('data', (d) => parts.push(d))
    req.on('end', () => {
      const form = new URLSearchParams(Buffer.concat(parts).toString())
      const id = 'urn:uuid:0191-' + ++seq
      const frame = Buffer.from(`id: ${id}\ndata: ${form.get('data')}\n\n`)
      if (mode === 'res') for (const s of subs) s.write(frame)
      else if (mode === 'sock') {
        const b = chunk(frame)
        for (const s of subs) s.write(b)
      } else if (mode === 'topics') {
        const b = chunk(frame)
        for (const s of subsOf.get(form.get('topic')) ?? []) s.write(b)
      } else {
        pending.push(frame)
        if (!scheduled) {
          scheduled = true
          setImmediate(flush)
        }
      }
      res.end(id)
    })
  })
  .listen(port, '127.0.0.1', 4096)
