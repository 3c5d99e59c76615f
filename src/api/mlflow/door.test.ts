import { expect, test } from 'vitest'
import { openDoors } from './fixture.ts'

test.each([
  ['GET', '/api/2.0/mlflow/nobody'],
  ['POST', '/ajax-api/3.0/mlflow/nobody/'],
  ['PUT', '/api/2.0/mlflow/runs/get'],
  ['GET', '/api/3.0/mlflow/runs/get'],
  ['DELETE', '/api/2.0/mlflow/logged-models/m-1/tags/a/b'],
])('%s %s is no endpoint, which is not the same as nothing found', async (method, path) => {
  await using doors = await openDoors()
  expect(await doors.ask({ method, path })).toMatchObject({
    status: 404,
    json: { error_code: 'ENDPOINT_NOT_FOUND', message: `no route ${method} ${path}` },
  })
  expect(await doors.ask({ path: '/api/2.0/mlflow/runs/get?run_id=nobody' })).toMatchObject({
    status: 404,
    json: { error_code: 'RESOURCE_DOES_NOT_EXIST' },
  })
})
