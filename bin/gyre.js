#!/usr/bin/env node
// Runs Gyre from the built tree, building it first when a source is newer. Plain JavaScript: it must run
// before anything is built, and on a Node too old for the rest, to say so.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, 'dist', '.built')
const lock = join(root, 'node_modules', '.gyre-building')

refuseOldNode()
if (isStale()) build()
if (process.argv[2] !== '--build-only') await import('../dist/main.js')

function refuseOldNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 20)) return
  console.error(`gyre: Node ${process.versions.node} is too old; install Node 20.20 or newer`)
  process.exit(2)
}

function isStale() {
  // An installed package has no sources beside it: there is nothing to build from.
  if (!existsSync(join(root, 'tsconfig.build.json'))) return false
  if (!existsSync(stamp)) return true
  const builtMs = statSync(stamp).mtimeMs
  return ['src', 'sdk/src', 'tsconfig.json', 'tsconfig.build.json', 'sdk/tsconfig.json', 'package-lock.json'].some(
    (path) => newestMs(join(root, path)) > builtMs,
  )
}

function newestMs(path) {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return 0
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))))
}

function build() {
  takeBuildLock()
  try {
    if (!isStale()) return
    const startedMs = Date.now()
    console.error('gyre: building')
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
    for (const folder of ['dist', 'sdk/dist']) rmSync(join(root, folder), { recursive: true, force: true })
    for (const project of ['sdk', 'tsconfig.build.json']) {
      const { status } = spawnSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: ['ignore', 2, 2] })
      if (status !== 0) {
        console.error('gyre: the build failed; the errors are above')
        process.exitCode = 2
        return process.exit()
      }
    }
    writeFileSync(stamp, new Date(startedMs).toISOString())
  } finally {
    rmSync(lock, { force: true })
  }
}

/** Two commands started at once must not build into each other's folder: the second waits for the first. */
function takeBuildLock() {
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      process.once('exit', () => rmSync(lock, { force: true }))
      return
    } catch {
      if (!isAlive(lockHolder())) rmSync(lock, { force: true })
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    }
  }
}

function lockHolder() {
  try {
    return Number(readFileSync(lock, 'utf8'))
  } catch {
    return 0
  }
}

function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch {
    return false
  }
}
