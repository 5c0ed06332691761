/**
 * Opens the embedded database before the first test of a worker, and closes the databases of each test file. This is a setup
 * file, because the test files of a worker share modules, but not hooks.
 */
import { afterAll } from 'vitest'
import { closeDatabases, engine, testClient } from './database.ts'

// Creating the database takes seconds, which must not count as time of the first test.
if (engine === 'pglite') await testClient()

afterAll(closeDatabases)
