/** Drizzle's driver for PGlite, apart from the rest: it imports PGlite, which is not installed everywhere. */
export { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
