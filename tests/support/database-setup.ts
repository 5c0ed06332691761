/**
 * Closes the databases of each test file. This is a setup file, because the test files of a worker share modules, but not hooks.
 */
import { afterAll } from 'vitest'
import { closeDatabases } from './database.ts'

afterAll(closeDatabases)
