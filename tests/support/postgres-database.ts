/** Once a run: a database of its own on the PostgreSQL server, dropped at the end. */
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import type { TestProject } from 'vitest/node'

export default async (project: TestProject) => {
  const server = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
  const name = `chat_test_${randomBytes(6).toString('hex')}`
  const sql = postgres(server, { max: 1, onnotice: () => {} })
  await sql.unsafe(`create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  project.provide('testDatabaseUrl', url.href)
  return async () => {
    await sql.unsafe(`drop database ${name} with (force)`)
    await sql.end()
  }
}
