/**
 * Opens the embedded database before the first test of a worker, and closes the databases of each test file. Vitest runs this
 * setup file for each test file. A hook in a shared module would run for the first test file of a worker only.
 */
import { afterAll } from 'vitest'
import { closeDatabases, engine, testClient } from './database.ts'

// Creating the database takes seconds, which must not count as time of the first test.
if (engine === 'pglite') await testClient()

afterAll(closeDatabases)
