import { expect, test } from 'vitest'
import { readJunit } from './junit-read.ts'

/** By pytest 9, shortened in its texts. */
const PYTEST = `<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.037"><testcase classname="test_q" name="test_ok" time="0.000" /><testcase classname="test_q" name="test_bad" time="0.000"><failure message="AssertionError: a &lt; &quot;b&quot; &amp; c&#10;assert 1 &gt; 2">&gt;   def test_bad(): assert 1 &gt; 2, 'a &lt; "b" &amp; c'
E   AssertionError: a &lt; "b" &amp; c</failure></testcase><testcase classname="test_q" name="test_skip" time="0.000"><skipped type="pytest.skip" message="no GPU">test_q.py:4: no GPU</skipped></testcase><testcase classname="test_q" name="test_error" time="0.000"><error message="failed on setup with &quot;RuntimeError: no server&quot;">RuntimeError</error></testcase></testsuite></testsuites>`

/** By vitest 4. */
const VITEST = `<?xml version="1.0" encoding="UTF-8" ?>
<testsuites name="vitest tests" tests="3" failures="1" errors="0" time="0.00631655">
    <testsuite name="src/a.test.ts" tests="3" failures="1" errors="0" skipped="1" time="0.00631655">
        <testcase classname="src/a.test.ts" name="adds &lt;two&gt; &amp; &quot;three&quot;" time="0.00119147">
        </testcase>
        <testcase classname="src/a.test.ts" name="breaks" time="0.00386217">
            <failure message="expected 1 to be 2 // Object.is equality" type="AssertionError">
AssertionError: expected 1 to be 2 // Object.is equality
            </failure>
        </testcase>
        <testcase classname="src/a.test.ts" name="later" time="0">
            <skipped/>
        </testcase>
    </testsuite>
</testsuites>`

test.each(['', 'ok', '<html></html>', '<testsuite><testcase name="a">', '{"tests": 1}'])(
  'text that is no report, or is cut, is refused: %j',
  (text) => {
    expect(() => readJunit(text)).toThrow('expected a JUnit report')
  },
)

test('a report of pytest is read case by case', () => {
  expect(readJunit(PYTEST)).toEqual([
    { name: 'test_q > test_ok', outcome: 'passed', message: '' },
    {
      name: 'test_q > test_bad',
      outcome: 'failed',
      message: 'AssertionError: a < "b" & c\nassert 1 > 2',
    },
    { name: 'test_q > test_skip', outcome: 'skipped', message: 'no GPU' },
    {
      name: 'test_q > test_error',
      outcome: 'failed',
      message: 'failed on setup with "RuntimeError: no server"',
    },
  ])
})

test('a report of vitest is read case by case', () => {
  expect(readJunit(VITEST)).toEqual([
    { name: 'src/a.test.ts > adds <two> & "three"', outcome: 'passed', message: '' },
    {
      name: 'src/a.test.ts > breaks',
      outcome: 'failed',
      message: 'expected 1 to be 2 // Object.is equality',
    },
    { name: 'src/a.test.ts > later', outcome: 'skipped', message: '' },
  ])
})

test('what stands in comments and quoted sections is no markup', () => {
  const text = `<testsuite><!-- <testcase name="no"/> --><testcase name="yes"><system-out><![CDATA[<failure/>]]></system-out></testcase></testsuite>`
  expect(readJunit(text)).toEqual([{ name: 'yes', outcome: 'passed', message: '' }])
})
