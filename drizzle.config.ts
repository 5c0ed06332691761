/** Configures `npm run db:generate`: the file that describes the tables, and the folder for new migrations. */
import { defineConfig } from 'drizzle-kit'

export default defineConfig({ dialect: 'postgresql', schema: './src/db/tables.ts', out: './drizzle' })
