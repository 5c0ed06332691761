/** Runs `fastify-chat openapi`: writes the OpenAPI document. It is built from the routes, without a database. */
import { writeFileSync } from 'node:fs'
import { buildOpenApi } from './build-openapi.ts'
import { printJson } from './print.ts'

/** Prints the OpenAPI document, or writes it to a file. */
export const writeOpenApi = async ({ output }: { output?: string }): Promise<void> => {
  const text = JSON.stringify(await buildOpenApi(), null, 2)
  if (output === undefined) printJson(...text.split('\n'))
  else writeFileSync(output, `${text}\n`)
}
