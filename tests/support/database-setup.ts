/** Closes the databases of each test file. A setup file, because the files of a worker share modules but not hooks. */
import { afterAll } from 'vitest'
import { closeDatabases } from './database.ts'

afterAll(closeDatabases)
