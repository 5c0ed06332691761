/**
 * Separates the shared schemas (`$id`) of the service from the shared schemas of a host application, which may have the same
 * ids.
 */
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { createSerializerCompiler } from './serializers.ts'

interface Named {
  readonly $id: string
}

/**
 * Gives an instance and its children their own set of shared schemas. The set does not contain the schemas that the host has
 * already added. A schema that the host adds later does not replace a schema of the service with the same `$id`. Whenever the
 * host adds a schema, Fastify recreates the compilers of all child instances. `compilersFactory` makes Fastify use the
 * validator of the service again, instead of Fastify's default.
 */
export const separateSchemas = (fastify: FastifyInstance, validatorCompiler: FastifySchemaCompiler<object>): void => {
  const hosts = new Set(Object.values(fastify.getSchemas()))
  fastify.setSchemaController({
    compilersFactory: {
      // The casts are needed because Fastify's types allow only compilers that use Fastify's own Ajv and options.
      buildValidator: (() => validatorCompiler) as never,
      buildSerializer: createSerializerCompiler as never
    },
    bucket(inherited) {
      const schemas = new Map(Object.entries(inherited ?? {}).filter(([, schema]) => !hosts.has(schema)))
      return {
        add(schema: unknown) {
          // Fastify also calls `add` with each schema that a host adds later. Such a schema must not replace a schema of the
          // service with the same id.
          const { $id } = schema as Named
          if (!schemas.has($id)) schemas.set($id, schema)
          return fastify
        },
        getSchema: (id: string) => schemas.get(id),
        getSchemas: () => Object.fromEntries(schemas)
      }
    }
  })
}
