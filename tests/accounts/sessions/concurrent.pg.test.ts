/** Tests concurrent refreshes over two connection pools. Each pool simulates a process. */
import { expect, inject, onTestFinished, test } from 'vitest'
import { openClient } from '../../../src/db/client/open.ts'
import { createDatabase } from '../../../src/db/database.ts'
import { loginOf, testAccounts } from '../../support/accounts.ts'
import { testDatabase } from '../../support/database.ts'
import { auditOf, passTime } from '../../support/sessions.ts'

const CLIENT = { address: 'unknown', agent: undefined }

test('ten refreshes at once over two processes return the same token', async () => {
  const database = await testDatabase()
  const other = await openClient({ url: inject('testListenUrl'), poolMax: 5 })
  onTestFinished(() => other.close())
  const processes = [testAccounts(database), testAccounts(createDatabase(other, database.schema))]
  await processes[0]?.register('john', 'SecurePass123')
  const started = await processes[0]?.login(loginOf('john', 'SecurePass123', { session: true }))
  let token = started?.refresh?.token ?? ''
  for (let number = 2; number < 7; number++) {
    await passTime(database, 31)
    const presented = { token, isCookie: false, client: CLIENT }
    const refreshes = Array.from({ length: 10 }, (_, at) => processes[at % 2]?.sessions.refresh(presented))
    const tokens = new Set((await Promise.all(refreshes)).map(refreshed => refreshed?.refresh?.token))
    expect(tokens.size).toBe(1)
    token = [...tokens][0] ?? ''
    expect(token.split('.')[1]).toBe(String(number))
  }
  expect(await auditOf(database, 'refresh_reused')).toEqual([])
})
