/** For `npm run db:generate`: where the tables are described and where their migrations are written. */
import { defineConfig } from 'drizzle-kit'

export default defineConfig({ dialect: 'postgresql', schema: './src/db/tables.ts', out: './drizzle' })
