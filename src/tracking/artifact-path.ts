/** As `TreePath` of the SDK, so that every file can become part of a tree. */
const MAX_PATH_CHARS = 1_024

/** What file systems give a name: a longer one could not be downloaded. */
const MAX_NAME_BYTES = 255

/** A folder's path without the `/` that may end it; empty for the root itself. */
export function trimFolder(text: string): string {
  return text.length > 1 && text.endsWith('/') ? text.slice(0, -1) : text
}

/**
 * What is wrong with a path, if anything: whatever could mean another place to somebody who reads it. That is an
 * empty, `.` or `..` name, `\`, `#`, a control character, an absolute path, a drive, a `file:` URI, also where it
 * shows only once the path is percent-decoded again; and a path or name too long to become a file.
 */
export function pathFault(text: string): string | undefined {
  if (text.length > MAX_PATH_CHARS) return `expected at most ${MAX_PATH_CHARS} characters`
  if (text.split('/').some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES))
    return `expected names of at most ${MAX_NAME_BYTES} bytes`
  for (let read = text; ;) {
    const fault = faultAsRead(read)
    if (fault !== undefined) return fault
    const decoded = decodeAscii(read)
    if (decoded === read) return undefined
    read = decoded
  }
}

function faultAsRead(path: string): string | undefined {
  if (/\p{Surrogate}/u.test(path)) return 'expected well-formed Unicode'
  if (/^(?:[a-z]:|file:)/i.test(path)) return 'expected a relative path, not a drive or a URI'
  for (const char of path)
    if (char < ' ' || char === '\u007f' || char === '\\' || char === '#')
      return 'expected no backslash, no # and no control character'
  for (const name of path.split('/'))
    if (name === '' || name === '.' || name === '..')
      return 'expected a relative path without empty, "." or ".." names'
  return undefined
}

/** Decodes the escapes of ASCII characters, as a lenient reader would, and leaves what is no escape. */
function decodeAscii(path: string): string {
  return path.replaceAll(/%([0-7][0-9a-f])/gi, (_escape, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
