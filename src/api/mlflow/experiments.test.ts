import { expect, test } from 'vitest'
import { openDoors } from './fixture.ts'

test('a client may name the place that an experiment gets, and no other', async () => {
  await using doors = await openDoors()
  const create = (name: string, artifact_location: string) =>
    doors.post('/mlflow/experiments/create', { name, artifact_location })
  for (const place of [
    's3://bucket/x',
    'file:///etc',
    '/etc',
    '../x',
    'http://169.254.169.254/',
    'mlflow-artifacts:/',
    'mlflow-artifacts:/0',
    'mlflow-artifacts:/2',
    'mlflow-artifacts:/1/',
    'mlflow-artifacts:/01',
    'mlflow-artifacts://host/1',
    'MLFLOW-ARTIFACTS:/1',
    ' mlflow-artifacts:/1',
  ])
    expect([place, await create('mine', place)]).toMatchObject([
      place,
      {
        status: 400,
        json: {
          error_code: 'INVALID_PARAMETER_VALUE',
          message: expect.stringMatching(/^artifact_location: /),
        },
      },
    ])
  expect(await create('mine', 'mlflow-artifacts:/1')).toMatchObject({
    json: { experiment_id: '1' },
  })
  expect(await create('unasked', '')).toMatchObject({ json: { experiment_id: '2' } })
  expect(
    await doors.ask({ path: '/api/2.0/mlflow/experiments/get?experiment_id=1' }),
  ).toMatchObject({
    json: { experiment: { name: 'mine', artifact_location: 'mlflow-artifacts:/1' } },
  })
})

test.each(['9', '-1'])('experiment %s is not there', async (id) => {
  await using doors = await openDoors()
  expect(
    await doors.ask({ path: `/api/2.0/mlflow/experiments/get?experiment_id=${id}` }),
  ).toMatchObject({ status: 404, json: { error_code: 'RESOURCE_DOES_NOT_EXIST' } })
})
