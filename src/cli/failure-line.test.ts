import { expect, test } from 'vitest'
import { failureLine } from './failure-line.ts'

// What CPython 3.11 prints where a module is missing.
const MISSING = `py/fit.py ended with exit code 1
reading
Traceback (most recent call last):
  File "/tmp/python/py/fit.py", line 1, in <module>
    import nope
ModuleNotFoundError: No module named 'nope'`

test.each([
  ['boom', 'boom'],
  ['TypeError: x is no function\n    at fit (fit.js:1:2)', 'TypeError: x is no function'],
  [MISSING, "py/fit.py ended with exit code 1: ModuleNotFoundError: No module named 'nope'"],
  [
    'py/fit.py ended with exit code 1\n  File "fit.py", line 3\n    def broken(:\nSyntaxError: invalid syntax',
    'py/fit.py ended with exit code 1: SyntaxError: invalid syntax',
  ],
  ['py/fit.py ended with exit code 3\nthe last line of it', 'py/fit.py ended with exit code 3'],
  [
    'nb/fit.ipynb ended with exit code 1\nValueError: no\nnb/fit.ipynb: cell 5, line 2: ValueError: no',
    'nb/fit.ipynb: cell 5, line 2: ValueError: no',
  ],
  [
    '2 of 9 items failed\nitem 4: no such country\nitem 7: boom',
    '2 of 9 items failed; item 4: no such country',
  ],
  [
    `2 of 9 items failed\nitem 4: ${MISSING}\nitem 7: boom`,
    "2 of 9 items failed; item 4: py/fit.py ended with exit code 1: ModuleNotFoundError: No module named 'nope'",
  ],
])('of a failure the line that matters is shown: %#', (message, line) => {
  expect(failureLine(message)).toBe(line)
})
