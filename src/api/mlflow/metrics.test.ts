import { expect, test } from 'vitest'
import { openDoors } from './fixture.ts'

const point = { key: 'loss', value: 0.5, timestamp: 5, step: 3 }
const nobody = 'run_nobody'

const refused = (message: string) => ({
  status: 400,
  json: { error_code: 'INVALID_PARAMETER_VALUE', message },
})

test('a batch may leave out its metrics', async () => {
  await using doors = await openDoors()
  const run_id = await doors.startRun()
  const params = [{ key: 'lr', value: '0.1' }]
  expect(await doors.post('/mlflow/runs/log-batch', { run_id, params })).toMatchObject({
    status: 200,
    json: {},
  })
  expect(await doors.ask({ path: `/api/2.0/mlflow/runs/get?run_id=${run_id}` })).toMatchObject({
    json: { run: { data: { params } } },
  })
})

test('a history of a run that is not there is refused, one of many runs leaves it out', async () => {
  await using doors = await openDoors()
  const run_id = await doors.startRun()
  await doors.post('/mlflow/runs/log-metric', { run_id, ...point })
  const base = '/api/2.0/mlflow/metrics/get-history'
  expect(await doors.ask({ path: `${base}?metric_key=loss&run_id=${nobody}` })).toMatchObject({
    status: 404,
    json: { error_code: 'RESOURCE_DOES_NOT_EXIST' },
  })
  const metrics = [{ run_id, ...point }]
  const bulk = `${base}-bulk?metric_key=loss&run_id=${nobody}&run_id=${run_id}`
  expect(await doors.ask({ path: bulk })).toMatchObject({ status: 200, json: { metrics } })
  const chart = `${base}-bulk-interval?metric_key=loss&run_ids=${nobody}&run_ids=${run_id}`
  expect(await doors.ask({ path: chart })).toMatchObject({ status: 200, json: { metrics } })
})

test.each([
  ['value', null, 'expected a number'],
  ['value', [], 'expected a number'],
  ['step', 1.5, 'expected a whole number'],
  ['step', null, 'expected a whole number'],
  ['timestamp', true, 'expected a whole number'],
])('a %s of %j is refused with what was expected', async (field, given, expected) => {
  await using doors = await openDoors()
  const run_id = await doors.startRun()
  const bad = { ...point, [field]: given }
  expect(await doors.post('/mlflow/runs/log-metric', { run_id, ...bad })).toMatchObject(
    refused(`${field}: ${expected}`),
  )
  expect(
    await doors.post('/mlflow/runs/log-batch', { run_id, metrics: [point, bad] }),
  ).toMatchObject(refused(`metrics.1.${field}: ${expected}`))
})

test.each([
  ['nine', 'expected a whole number'],
  ['1.5', 'expected a whole number'],
])('a page of %s points is refused with what was expected', async (asked, expected) => {
  await using doors = await openDoors()
  const run_id = await doors.startRun()
  const path = `/api/2.0/mlflow/metrics/get-history?metric_key=loss&run_id=${run_id}&max_results=${asked}`
  expect(await doors.ask({ path })).toMatchObject(refused(`max_results: ${expected}`))
})

test.each(['FAILED', 4, '4'])('a status may be said as %j', async (status) => {
  await using doors = await openDoors()
  const run_id = await doors.startRun()
  expect(await doors.post('/mlflow/runs/update', { run_id, status })).toMatchObject({
    status: 200,
    json: { run_info: { status: 'FAILED' } },
  })
})

test.each(['failed', 0, 6, 1.5, true])('%j is no status', async (status) => {
  await using doors = await openDoors()
  const run_id = await doors.startRun()
  expect(await doors.post('/mlflow/runs/update', { run_id, status })).toMatchObject({
    status: 400,
    json: { error_code: 'INVALID_PARAMETER_VALUE', message: expect.stringContaining('status') },
  })
})
