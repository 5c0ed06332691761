/** Separates the shared schemas (`$id`) of the service from those of a host application: both may have a "ChatUser". */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'

interface Named {
  readonly $id: string
}

/**
 * Gives an instance and its children shared schemas of their own, without those of the host, whether added earlier or later. When
 * a host adds a schema later, Fastify recreates the compilers of all children: this makes it use ours and not its default.
 */
export const separateSchemas = (fastify: FastifyInstance, validatorCompiler: FastifySchemaCompiler<object>): void => {
  const hosts = new Set(Object.values(fastify.getSchemas()))
  fastify.setSchemaController({
    compilersFactory: {
      // Fastify types it as a compiler of its own Ajv.
      buildValidator: (() => validatorCompiler) as never,
      buildSerializer: SerializerSelector()
    },
    bucket(inherited) {
      const schemas = new Map(Object.entries(inherited ?? {}).filter(([, schema]) => !hosts.has(schema)))
      return {
        add(schema: unknown) {
          // Fastify passes what a host adds later down to its children. Our schema of the same name was added first and stays.
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
