// Preloaded into every process of the program (`NODE_OPTIONS=--import=…/outgoing.mjs?log=FILE`): appends a line of
// JSON to FILE for each thread that begins, each name that is looked up and each connection that is asked for.
import dgram from 'node:dgram'
import dns from 'node:dns'
import { appendFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { threadId } from 'node:worker_threads'

const log = new URL(import.meta.url).searchParams.get('log')
const append = appendFileSync

function note(kind, host) {
  const told = { script: process.argv[1], pid: process.pid, thread: threadId, kind, host }
  append(log, `${JSON.stringify(told)}\n`)
}

/** Puts a method in the place of another that tells of its first argument and does the same. */
function watched(owner, name, tell) {
  const inner = owner[name]
  owner[name] = function (...args) {
    tell(args)
    return Reflect.apply(inner, this, args)
  }
}

watched(net.Socket.prototype, 'connect', (args) => {
  const [target, second] = Array.isArray(args[0]) ? args[0] : args
  const options = typeof target === 'object' ? target : { port: target, host: second }
  // A path names a socket on this machine.
  if (!options.path) note('connect', options.host ?? 'localhost')
})
watched(dgram.Socket.prototype, 'connect', ([, host]) => note('connect', String(host)))
watched(dgram.Socket.prototype, 'send', (args) => {
  note('send', String(args.findLast((arg) => typeof arg === 'string') ?? 'localhost'))
})
for (const owner of [dns, dns.promises, dns.Resolver.prototype, dns.promises.Resolver.prototype])
  for (const name of Object.getOwnPropertyNames(owner))
    if (/^(lookup|resolve|reverse)/.test(name))
      watched(owner, name, ([host]) => note('lookup', String(host)))
syncBuiltinESMExports()
note('begin', null)
